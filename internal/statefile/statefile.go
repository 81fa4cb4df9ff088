// Package statefile keeps what must outlive a restart: the overrides that were set while the
// monitor runs, and the failovers so far.
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

// The files, in the state directory.
const (
	overridesName = "overrides.json"
	failoversName = "failovers.json"
)

// sizeLimit is more than ten thousand sites need, with 20 failovers of 300 bytes each. A longer
// file is not one of ours.
const sizeLimit = 64 << 20

// overridesFile is the content of overrides.json.
type overridesFile struct {
	Overrides map[string]override `json:"overrides"` // by site
}

type override struct {
	Verdict string    `json:"verdict"` // up or down
	Began   time.Time `json:"began"`
	Ends    time.Time `json:"ends"`
	Reason  string    `json:"reason"`
	By      string    `json:"by"`
	ForAll  bool      `json:"for_all,omitempty"`
}

// failoversFile is the content of failovers.json.
type failoversFile struct {
	Failovers map[string][]failover `json:"failovers"` // by site, the oldest first
}

type failover struct {
	Failed time.Time `json:"failed,omitzero"`
	Down   time.Time `json:"down"`
	Told   []told    `json:"told,omitempty"`
	Ended  time.Time `json:"ended,omitzero"`
	Drill  bool      `json:"drill,omitempty"`
}

type told struct {
	Peer string    `json:"peer"`
	At   time.Time `json:"at"`
}

// LoadOverrides reads the overrides of a state directory that have not ended. There are none
// without a file. Its error names the file, of which nothing is used then.
func LoadOverrides(dir string, now time.Time) (map[string]monitor.Override, error) {
	return load(filepath.Join(dir, overridesName),
		func(content overridesFile) (map[string]monitor.Override, error) {
			return content.parse(now)
		})
}

func (content overridesFile) parse(now time.Time) (map[string]monitor.Override, error) {
	overrides := make(map[string]monitor.Override)
	for site, o := range content.Overrides {
		if err := o.check(now); err != nil {
			return nil, fmt.Errorf("%s: %w", site, err)
		}
		if o.Ends.After(now) {
			overrides[site] = monitor.Override{
				Verdict: monitor.ParseVerdict(o.Verdict), Began: o.Began, Ends: o.Ends, Reason: o.Reason,
				By: o.By, ForAll: o.ForAll,
			}
		}
	}
	return overrides, nil
}

// check is what is wrong with an override; nil if nothing is.
func (o override) check(now time.Time) error {
	switch {
	case monitor.ParseVerdict(o.Verdict) == monitor.Unknown:
		return fmt.Errorf("verdict %q: want up or down", o.Verdict)
	case o.Began.IsZero() || !o.Ends.After(o.Began) || o.Ends.Sub(o.Began) > monitor.MaxOverride:
		return fmt.Errorf("from %v to %v: want a begin, and an end at most %v later", o.Began, o.Ends,
			monitor.MaxOverride)
	case o.Ends.Sub(now) > monitor.MaxOverride:
		return fmt.Errorf("until %v, which is more than %v from now", o.Ends, monitor.MaxOverride)
	case o.Reason == "" || o.By == "":
		return errors.New("no reason, or nobody who asked for it")
	}
	return nil
}

// LoadFailovers reads the failovers of a state directory. There are none without a file. Its error
// names the file, of which nothing is used then. Times may be in the future: after a boot the clock
// may be behind.
func LoadFailovers(dir string) (map[string][]monitor.Failover, error) {
	return load(filepath.Join(dir, failoversName), failoversFile.parse)
}

func (content failoversFile) parse() (map[string][]monitor.Failover, error) {
	all := make(map[string][]monitor.Failover)
	for site, list := range content.Failovers {
		for i, f := range list {
			if err := f.check(i == len(list)-1); err != nil {
				return nil, fmt.Errorf("%s: %w", site, err)
			}
			one := monitor.Failover{Failed: f.Failed, Down: f.Down, Ended: f.Ended, Drill: f.Drill}
			for _, t := range f.Told {
				one.Told = append(one.Told, monitor.Told(t))
			}
			all[site] = append(all[site], one)
		}
	}
	return all, nil
}

// check is what is wrong with a failover; nil if nothing is. Only the last one may not have ended.
func (f failover) check(last bool) error {
	switch {
	case f.Down.IsZero() || f.Failed.After(f.Down):
		return fmt.Errorf("first failed at %v, down at %v: want times in this order", f.Failed, f.Down)
	case f.Ended.IsZero() && !last:
		return fmt.Errorf("down at %v, not ended: only the last one may be so", f.Down)
	case !f.Ended.IsZero() && f.Ended.Before(f.Down):
		return fmt.Errorf("down at %v, ended at %v: want times in this order", f.Down, f.Ended)
	}
	for _, t := range f.Told {
		if t.Peer == "" || t.At.Before(f.Down) {
			return fmt.Errorf("down at %v, %q told at %v: want times in this order", f.Down, t.Peer, t.At)
		}
	}
	return nil
}

// load reads a file whole, or nothing of it.
func load[Content, State any](path string, parse func(Content) (State, error)) (State, error) {
	var nothing State
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nothing, nil
	} else if err != nil {
		return nothing, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, sizeLimit+1))
	if err != nil {
		return nothing, err
	}
	var content Content
	if err := decode(text, &content); err != nil {
		return nothing, refuse(path, err)
	}
	state, err := parse(content)
	if err != nil {
		return nothing, refuse(path, err)
	}
	return state, nil
}

// refuse puts a file aside, for a person to look at: the next save would replace it.
func refuse(path string, why error) error {
	aside := path + ".refused"
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("%s: %w", path, why)
	}
	return fmt.Errorf("%s: %w; it is %s now", path, why, filepath.Base(aside))
}

// decode takes one JSON value without unknown fields.
func decode(text []byte, into any) error {
	if len(text) > sizeLimit {
		return fmt.Errorf("longer than %d bytes", sizeLimit)
	}
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		return err
	}
	if _, err := in.Token(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	return nil
}

// SaveOverrides replaces the file of the overrides.
func SaveOverrides(dir string, overrides map[string]monitor.Override) error {
	content := overridesFile{Overrides: make(map[string]override)}
	for site, o := range overrides {
		content.Overrides[site] = override{
			o.Verdict.String(), o.Began.UTC(), o.Ends.UTC(), o.Reason, o.By, o.ForAll,
		}
	}
	return save(dir, overridesName, content)
}

// SaveFailovers replaces the file of the failovers.
func SaveFailovers(dir string, failovers map[string][]monitor.Failover) error {
	content := failoversFile{Failovers: make(map[string][]failover)}
	for site, list := range failovers {
		for _, f := range list {
			one := failover{Failed: f.Failed.UTC(), Down: f.Down.UTC(), Ended: f.Ended.UTC(), Drill: f.Drill}
			for _, t := range f.Told {
				one.Told = append(one.Told, told{t.Peer, t.At.UTC()})
			}
			content.Failovers[site] = append(content.Failovers[site], one)
		}
	}
	return save(dir, failoversName, content)
}

// Check is why nothing can be kept in a directory; nil if it can.
func Check(dir string) error {
	f, err := os.CreateTemp(dir, "check.")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// save writes a new file, which takes the name of the old one when it is whole and on the disk.
func save(dir, name string, content any) error {
	text, err := json.Marshal(content)
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
