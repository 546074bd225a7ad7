package token

// The scopes: what an API key is good for.
const (
	Admin   = "admin"   // everything
	Manage  = "manage"  // everything but API keys
	Publish = "publish" // to post messages, and to ask whether anybody wants them
	Read    = "read"    // every GET but those of signing keys and API keys
)

// Scopes lists all that there are.
func Scopes() []string { return []string{Admin, Manage, Publish, Read} }
