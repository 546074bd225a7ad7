package web

// State is how something is: a word and a sign, since not everybody sees its colour.
type State struct {
	Mood string // good, bad, warn, busy or off: the colour
	Sign string
	Word string
}

// Good is what works.
func Good(word string) State { return State{"good", "●", word} }

// Bad is what does not work.
func Bad(word string) State { return State{"bad", "▲", word} }

// Warn is what may soon not work.
func Warn(word string) State { return State{"warn", "◆", word} }

// Busy is what is under way.
func Busy(word string) State { return State{"busy", "◐", word} }

// Off is what does nothing, as it was told to.
func Off(word string) State { return State{"off", "○", word} }
