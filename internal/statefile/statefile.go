// Package statefile saves the overrides that were set while the monitor runs, so that they outlive
// a restart.
package statefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"failover-monitor/internal/monitor"
)

// name is the name of the file in the state directory.
const name = "overrides.json"

// sizeLimit is more than a thousand sites need. The monitor did not write a longer file.
const sizeLimit = 1 << 20

// file is the content of the file.
type file struct {
	Overrides map[string]override `json:"overrides"` // by site
}

type override struct {
	Verdict string    `json:"verdict"` // up or down
	Began   time.Time `json:"began"`
	Ends    time.Time `json:"ends"`
	Reason  string    `json:"reason"`
	By      string    `json:"by"`
}

var verdicts = map[string]monitor.Verdict{"up": monitor.Up, "down": monitor.Down}

// Load reads the overrides of a state directory that have not ended. Without a file there are none.
// The error names the file, of which nothing is used then.
func Load(dir string, now time.Time) (map[string]monitor.Override, error) {
	path := filepath.Join(dir, name)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, sizeLimit+1))
	if err != nil {
		return nil, err
	}
	overrides, err := parse(text, now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return overrides, nil
}

// parse gives all overrides of a file, or an error.
func parse(text []byte, now time.Time) (map[string]monitor.Override, error) {
	if len(text) > sizeLimit {
		return nil, fmt.Errorf("longer than %d bytes", sizeLimit)
	}
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	var content file
	if err := in.Decode(&content); err != nil {
		return nil, err
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value")
	}
	overrides := make(map[string]monitor.Override)
	for site, o := range content.Overrides {
		verdict, known := verdicts[o.Verdict]
		switch {
		case !known:
			return nil, fmt.Errorf("%s: verdict %q: want up or down", site, o.Verdict)
		case o.Began.IsZero() || !o.Ends.After(o.Began) || o.Ends.Sub(o.Began) > monitor.MaxOverride:
			return nil, fmt.Errorf("%s: from %v to %v: want at most %v",
				site, o.Began, o.Ends, monitor.MaxOverride)
		case o.Ends.Sub(now) > monitor.MaxOverride:
			return nil, fmt.Errorf("%s: until %v, which is more than %v from now",
				site, o.Ends, monitor.MaxOverride)
		case o.Reason == "" || o.By == "":
			return nil, fmt.Errorf("%s: no reason, or nobody who asked for it", site)
		case o.Ends.After(now):
			overrides[site] = monitor.Override{
				Verdict: verdict, Began: o.Began, Ends: o.Ends, Reason: o.Reason, By: o.By,
			}
		}
	}
	return overrides, nil
}

// Save replaces the file. It writes a new one, which gets the name of the old one when it is
// complete and on the disk.
func Save(dir string, overrides map[string]monitor.Override) error {
	content := file{Overrides: make(map[string]override)}
	for site, o := range overrides {
		content.Overrides[site] = override{
			o.Verdict.String(), o.Began.UTC(), o.Ends.UTC(), o.Reason, o.By,
		}
	}
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, name+".")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
