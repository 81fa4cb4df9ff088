package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"failover-monitor/internal/monitor"
)

// This file groups the apps in trouble by what they suffer from.

// The most that the page has of troubles, and of the apps in one: forty times the same is not read.
const mostTroubles, mostApps = 20, 20

// trouble is what some apps suffer from: the same sites, for the same reasons.
type trouble struct {
	State monitor.Verdict
	Apps  []string // the first ones
	More  int      // how many others
	Sites []troubledSite
	Told  []string // what KEDA is told
}

// Count is how many apps have the trouble.
func (t trouble) Count() int { return len(t.Apps) + t.More }

// troubledSite is a site that is not well, and why.
type troubledSite struct {
	Site    string
	Verdict monitor.Verdict
	Since   time.Time // the earliest of all apps
	Reason  string    // for the first app
	Differs bool      // the reasons of other apps have other details
	kind    string    // the reason without details
}

// newTrouble describes the trouble of an app.
func newTrouble(o monitor.Overview) trouble {
	t := trouble{Apps: []string{o.App}, State: monitor.Up, Told: explainScaleUps(scaleUps(o))}
	var without []string // sites that get no value
	for _, s := range o.Sites {
		if _, _, err := o.Told(s); err != nil {
			without = append(without, s.Name)
		}
		if state := stateOf(s, o.Time); state != monitor.Up {
			t.State = worse(t.State, state)
			t.Sites = append(t.Sites, newTroubledSite(s, o.Time))
		}
	}
	switch len(without) {
	case 0:
	case 1:
		t.Told = append(t.Told, without[0]+" gets no value, so its KEDA holds")
	default:
		t.Told = append(t.Told, enumerate(without, "sites")+" get no value, so their KEDAs hold")
	}
	return t
}

func newTroubledSite(s *monitor.Snapshot, now time.Time) troubledSite {
	reasons := []string{explainReason(s, now)}
	fault := proberFault(s, now)
	if fault != "" && !strings.Contains(reasons[0], fault) {
		reasons = append(reasons, "cannot be probed: "+fault)
	}
	verdict := s.Current(now)
	return troubledSite{
		Site: s.Name, Verdict: verdict, Since: since(s, now),
		Reason: strings.TrimPrefix(strings.Join(reasons, "; "), "; "),
		kind: fmt.Sprint(s.Name, verdict, s.Override(now).Verdict, s.Last.Reason, s.Last.Status,
			s.Discarded != nil, fault != ""),
	}
}

// key is the same for apps that suffer from the same.
func (t trouble) key() string {
	key := fmt.Sprint(t.Told)
	for _, s := range t.Sites {
		key += s.kind
	}
	return key
}

// troubleGroups are the troubles of all apps.
type troubleGroups struct {
	list  []*trouble
	byKey map[string]*trouble
}

// add has an app join those that suffer from the same.
func (g *troubleGroups) add(o monitor.Overview) {
	one := newTrouble(o)
	key := one.key()
	group := g.byKey[key]
	if group == nil {
		if g.byKey == nil {
			g.byKey = make(map[string]*trouble)
		}
		g.byKey[key], g.list = &one, append(g.list, &one)
		return
	}
	if len(group.Apps) < mostApps {
		group.Apps = append(group.Apps, o.App)
	} else {
		group.More++
	}
	for i, s := range one.Sites {
		first := &group.Sites[i]
		first.Differs = first.Differs || s.Reason != first.Reason
		if s.Since.Before(first.Since) {
			first.Since = s.Since
		}
	}
}

// worst are the troubles that the page shows, and how many apps are in the others.
func (g *troubleGroups) worst() (shown []trouble, notShown int) {
	slices.SortStableFunc(g.list, func(a, b *trouble) int {
		if a.State != b.State {
			return rank(a.State) - rank(b.State)
		}
		return b.Count() - a.Count()
	})
	for i, t := range g.list {
		if i < mostTroubles {
			shown = append(shown, *t)
		} else {
			notShown += t.Count()
		}
	}
	return shown, notShown
}
