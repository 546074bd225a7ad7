package browser

import "testing"

// TestDocs: the description of the API is a page too.
func TestDocs(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.visit("/docs")
	p.at("API")
	p.sees("Create an application")
}
