package main

import (
	"slices"

	"failover-monitor/internal/names"
)

// grouped are texts, each with the names of what it is about. Forty times the same is not read.
type grouped []group

type group struct {
	text  string
	names []string
}

// add adds a text about something. It joins what has the same text, if it may.
func (g *grouped) add(joins bool, name, text string) {
	i := slices.IndexFunc(*g, func(one group) bool { return joins && one.text == text })
	if i < 0 {
		*g = append(*g, group{text, []string{name}})
		return
	}
	(*g)[i].names = append((*g)[i].names, name)
}

// lines are the names, what links one or more of them to the text, and the text.
func (g grouped) lines(one, more string) (lines []string) {
	for _, group := range g {
		link := one
		if len(group.names) > 1 {
			link = more
		}
		lines = append(lines, names.List(group.names, names.Short)+link+group.text)
	}
	return lines
}
