// Package secret keeps what must not be seen: a [String] that nothing prints, and
// a [Ring] of keys that secrets are sealed with where they are stored.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// shown is all that is ever seen of a String.
const shown = "[secret]"

// String is a text that cannot be printed: whatever formats, logs or marshals it,
// or a struct that holds it, sees a placeholder, or nothing when it is empty. Only
// Reveal gives the text away. It is immutable, safe for concurrent use, and cannot
// be compared with ==: see Equal. The zero String is empty.
//
// It does not protect from a debugger, a core dump or a look into memory.
type String struct {
	// A closure, because it is the one thing that package fmt, and whatever else
	// prints by reflection, never looks into, also where a String is another struct's
	// unexported field and none of the methods below is called.
	open func() string
}

// New hides a text.
func New(text string) String {
	if text == "" {
		return String{}
	}
	return String{open: func() string { return text }}
}

// Reveal returns the text. What it is put into is a secret as well.
func (s String) Reveal() string {
	if s.open == nil {
		return ""
	}
	return s.open()
}

// IsZero reports whether the text is empty, which is no secret.
func (s String) IsZero() bool { return s.open == nil }

// Equal reports whether both hold the same text, and takes as long whatever the
// text is: only its length can be measured.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Set hides the text of a flag; it never fails. (With String, it makes a *String a
// flag.Value.)
func (s *String) Set(text string) error {
	*s = New(text)
	return nil
}

// String returns a placeholder.
func (s String) String() string {
	if s.IsZero() {
		return ""
	}
	return shown
}

// Format writes a placeholder, whatever the verb.
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// GoString returns a placeholder.
func (s String) GoString() string { return s.String() }

// LogValue returns a placeholder.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON returns a placeholder; a String is stored by [Ring.Seal] only.
func (s String) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// MarshalText returns a placeholder; a String is stored by [Ring.Seal] only.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// HideAll hides each text.
func HideAll(texts map[string]string) map[string]String {
	hidden := make(map[string]String, len(texts))
	for name, text := range texts {
		hidden[name] = New(text)
	}
	return hidden
}

// RevealAll is the counterpart of HideAll.
func RevealAll(hidden map[string]String) map[string]string {
	texts := make(map[string]string, len(hidden))
	for name, text := range hidden {
		texts[name] = text.Reveal()
	}
	return texts
}
