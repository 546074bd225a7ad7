// Package house holds the rules of the house as tests, and nothing else.
//
// Who may import whom, and which module from outside may be used where, stands in two tables in rules_test.go; they are
// the documentation too. What a file may look like stands in code_test.go. Each rule is itself tested with a small
// broken tree, so that a rule that has stopped looking is noticed.
//
// A new package needs a row in the table, and a new module one in the other. That is meant to be a moment of thought:
// change a rule when it is wrong, in a commit that says why, and never to get past it.
package house
