package web

// Confirm is the page before something that cannot simply be taken back: it says what
// will happen, and does it only then.
type Confirm struct {
	Title  string
	Says   []string // what happens, a paragraph each
	Action string   // path that it is sent to
	Button string   // what it does, such as "Delete endpoint"
	Back   string   // path of where it was asked for
	Danger bool     // whether something is lost
}

// Confirm shows it.
func (v *Visit) Confirm(c Confirm) error { return v.Render("confirm", c) }
