//go:build race

package e2e

// raceEnabled: the program under test is built like the tests themselves.
const raceEnabled = true
