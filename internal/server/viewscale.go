package server

import (
	"fmt"
	"slices"

	"failover-monitor/internal/monitor"
)

// This file says which sites are told to scale up, and which would be.

// scaleUp is a site whose value is above 0.
type scaleUp struct {
	Site    string
	Value   int
	Scaling scaling
}

// scaling is whether a value above 0 has reached the site's KEDA; it is empty for any other value.
type scaling string

const (
	told    scaling = "told"
	waiting scaling = "waiting" // KEDA has not asked since then
	early   scaling = "early"   // KEDA has not asked yet
	silent  scaling = "silent"  // KEDA does not ask: the failover is disarmed
)

// newScaleUp describes one site. Its scaling is empty if the site has nothing to scale up for.
func newScaleUp(o monitor.Overview, i int) scaleUp {
	value, _, err := o.Told(o.Sites[i])
	s := scaleUp{Site: o.Sites[i].Name, Value: value}
	switch poll := o.Polls[i]; {
	case err != nil || value == 0:
	case !poll.Armed:
		s.Scaling = silent
	case poll.At.IsZero():
		s.Scaling = early
	case !isTold(o, s.Site):
		s.Scaling = waiting
	default:
		s.Scaling = told
	}
	return s
}

// isTold is whether a peer has been told of an outage that is still on.
func isTold(o monitor.Overview, peer string) bool {
	return slices.ContainsFunc(o.Failovers, func(of []monitor.Failover) bool {
		return len(of) > 0 && of[len(of)-1].Open() &&
			slices.ContainsFunc(of[len(of)-1].Told, func(t monitor.Told) bool { return t.Peer == peer })
	})
}

// scaleUps are those of an app.
func scaleUps(o monitor.Overview) (list []scaleUp) {
	for i := range o.Sites {
		if s := newScaleUp(o, i); s.Scaling != "" {
			list = append(list, s)
		}
	}
	return list
}

// explainScaleUps says which sites are told to scale up, and which would be if their KEDA asked.
func explainScaleUps(list []scaleUp) (texts []string) {
	by := make(map[scaling][]scaleUp)
	for _, s := range list {
		by[s.Scaling] = append(by[s.Scaling], s)
	}
	if by[told] != nil {
		texts = append(texts, listSites(siteNames(by[told]), "told to scale up"))
	}
	for _, c := range []struct {
		scaling         scaling
		verb, one, more string
	}{
		{waiting, "will be told", "when its KEDA asks next", "when their KEDAs ask next"},
		{silent, "would be told", "but its KEDA does not ask", "but their KEDAs do not ask"},
		{early, "would be told", "but its KEDA has not asked yet", "but their KEDAs have not asked yet"},
	} {
		switch sites := by[c.scaling]; len(sites) {
		case 0:
		case 1:
			texts = append(texts, fmt.Sprintf("%s %s %d, %s", sites[0].Site, c.verb, sites[0].Value, c.one))
		default:
			texts = append(texts, fmt.Sprintf("%s %s to scale up, %s",
				enumerate(siteNames(sites), "sites"), c.verb, c.more))
		}
	}
	return texts
}

func siteNames(list []scaleUp) (names []string) {
	for _, s := range list {
		names = append(names, s.Site)
	}
	return names
}
