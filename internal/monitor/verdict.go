package monitor

// Verdict is what the monitor holds a site to be.
type Verdict int

// A site is Unknown until its first result.
const (
	Unknown Verdict = iota
	Up
	Down
)

// String is unknown, up or down.
func (v Verdict) String() string { return [...]string{"unknown", "up", "down"}[v] }

// MarshalText is String, for logs and JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Thresholds are how many results in a row turn a verdict, as Kubernetes' probes count them; both at least 1.
type Thresholds struct {
	Failure int // from up to down
	Success int // from down to up
}

// State is a verdict and the run of results against it so far.
type State struct {
	Verdict Verdict
	Streak  int // results in a row that speak against the verdict; 0 once one agrees
}

// Step is the state after one more result. The first result of all decides at once; later ones turn
// the verdict when as many as the threshold stand in a row.
func (s State) Step(up bool, t Thresholds) State {
	said, need := Down, t.Failure
	if up {
		said, need = Up, t.Success
	}
	switch {
	case s.Verdict == said:
		return State{Verdict: said}
	case s.Verdict == Unknown, s.Streak+1 >= need:
		return State{Verdict: said}
	}
	return State{Verdict: s.Verdict, Streak: s.Streak + 1}
}
