//go:build race

package blackbox

// raceEnabled has the binary built with the race detector when the tests are.
const raceEnabled = true
