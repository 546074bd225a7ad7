package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// access is who may call an operation.
type access int

const (
	forAll       access = iota // anybody
	forOperators               // who runs the installation
	forMembers                 // and the people of the application that the path names
)

// admit lets those through who may.
func (s *server) admit(a access, r *http.Request) error {
	if a == forAll || s.isOperator(r.Header.Get("Authorization")) {
		return nil
	}
	return &problem{status: http.StatusUnauthorized, code: "authentication_failed", detail: "Invalid token"}
}

// isOperator compares digests, so that the time it takes tells nothing of the
// token, not even its length. Some clients write "token|environment".
func (s *server) isOperator(header string) bool {
	scheme, token, _ := strings.Cut(header, " ")
	if s.Token == "" || !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	token = strings.TrimSpace(token)
	bare, _, _ := strings.Cut(token, "|")
	return s.isToken(token) || s.isToken(bare)
}

func (s *server) isToken(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1
}
