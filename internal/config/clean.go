package config

import (
	"regexp"
	"strings"
)

// comment matches what podman and docker leave behind a value of an env file: white space, "#" and
// the rest of the line. systemd strips the white space before it, hence the second form.
var comment = regexp.MustCompile(`(?s)(?:\s#|^#(?:\s|$)).*$`)

// clean makes a map of an environment ("NAME=value" strings), with every name and value freed from
// what the readers of env files leave on them. It is the only place where that is done.
func clean(environ []string) map[string]string {
	vars := make(map[string]string, len(environ))
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		vars[cleanName(name)] = cleanValue(value)
	}
	return vars
}

// cleanName undoes "A = x" and "export A=x" under podman, and a byte order mark on the first line.
func cleanName(name string) string {
	name = strings.Trim(name, "\ufeff \t")
	return strings.TrimSpace(strings.TrimPrefix(name, "export "))
}

// cleanValue takes off outer white space (and the \r of CRLF), a pair of quotes around all of it
// and, outside quotes, a comment. A value such as "status": *"up" is not in quotes: they are its
// own, which keepsQuotes knows.
func cleanValue(raw string) string {
	value := strings.TrimSpace(raw)
	if value != "" && (value[0] == '"' || value[0] == '\'') {
		if end := closing(value); end > 0 && withoutComment(value[end+1:]) == "" {
			return value[1:end]
		}
	}
	return withoutComment(raw)
}

// closing is where the quotes end that a value begins with, 0 if they do not. A backslash takes
// away the meaning of what follows it.
func closing(value string) int {
	for i := 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case value[0]:
			return i
		}
	}
	return 0
}

// keepsQuotes is whether a value begins and ends with quotes that are taken for its own.
func keepsQuotes(raw string) bool {
	value := strings.TrimSpace(raw)
	last := len(value) - 1
	return last > 0 && strings.ContainsRune(`"'`, rune(value[0])) && value[last] == value[0] &&
		cleanValue(raw) == value
}

// cutComment is what cleanValue takes off a value as a comment. Behind quotes it cannot be anything
// else.
func cutComment(raw string) string {
	value := cleanValue(raw)
	if value == "" || !strings.HasPrefix(strings.TrimSpace(raw), value) {
		return ""
	}
	return strings.TrimPrefix(strings.TrimSpace(raw), value)
}

func withoutComment(s string) string {
	return strings.TrimSpace(comment.ReplaceAllString(s, ""))
}
