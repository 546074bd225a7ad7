// Package token is the texts that callers of the API authenticate with: signed
// tokens (JWT), by which operators and the people of an application are known
// without asking anybody, and API keys, of which the database keeps a digest.
// It says what a token claims, and whether it may be believed; what may be done
// with it is the API's.
package token
