package testkit

import (
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/postrider/postrider/shared/store"
)

// The roles that every database of Database has, with their rights.
const (
	rolePrefix   = "postrider_"
	rolePassword = "test"
)

// Fenced returns a store on the database of owner, whose URL is given, as the API has
// it: in the role of the API, which sees only what it says that it is to see.
func Fenced(t testing.TB, owner *store.Store, database string) *store.Store {
	t.Helper()
	s, err := owner.Fenced(t.Context(), urlAs(t, database, rolePrefix+"api"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func urlAs(t testing.TB, database, role string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, rolePassword)
	return u.String()
}

// Roles makes the roles of the file roles.sql in the database, with names that begin
// with prefix instead, and returns the URL by which each of them connects. Roles are
// shared by all databases of a test binary: a prefix is for one test. They have no
// rights yet.
func Roles(t testing.TB, database, file, prefix string) (as func(role string) string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	db := SQL(t, database)
	if _, err := db.Exec(t.Context(), strings.ReplaceAll(string(text), "postrider_", prefix)); err != nil {
		t.Fatal(err)
	}
	return func(role string) string {
		if _, err := db.Exec(t.Context(), `ALTER ROLE `+prefix+role+` PASSWORD '`+rolePassword+`'`); err != nil {
			t.Fatal(err)
		}
		return urlAs(t, database, prefix+role)
	}
}
