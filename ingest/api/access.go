package api

import (
	"net/http"
	"strings"

	"github.com/postrider/postrider/shared/token"
)

// rights are what a caller may do.
type rights uint8

const (
	mayRead        rights = 1 << iota // everything but keys
	mayReadSecrets                    // the signing keys of endpoints
	mayRotate                         // those keys
	mayReplay                         // deliver again
	mayPublish                        // post messages
	mayManage                         // make, change and delete
	mayAdmin                          // the API's own keys

	mayAll  = mayAdmin<<1 - 1
	mayLook = mayRead | mayReadSecrets // what changes nothing
)

// scopes are what an API key can be made for, and the rights that they give.
func scopes() map[string]rights {
	return map[string]rights{
		token.Admin:   mayAll,
		token.Manage:  mayAll &^ mayAdmin,
		token.Publish: mayPublish,
		token.Read:    mayRead,
	}
}

// viewBase is the capability that every token has.
const viewBase = "ViewBase"

// capabilities are what the token of an application's member can be made for,
// and the rights that they give, within that application.
func capabilities() map[string]rights {
	return map[string]rights{
		viewBase:                mayRead,
		"ViewEndpointSecret":    mayReadSecrets,
		"ManageEndpointSecret":  mayReadSecrets | mayRotate,
		"ManageTransformations": 0, // there are none
		"CreateAttempts":        mayReplay,
		"ManageEndpoint":        mayReadSecrets | mayRotate | mayManage,
	}
}

// grant is all the rights that the names give. One that is not known, of a later
// version, gives none.
func grant(from map[string]rights, names []string) rights {
	var all rights
	for _, name := range names {
		all |= from[name]
	}
	return all
}

// access is who may call an operation. Each route says it.
type access int

const (
	forAll           access = iota + 1 // anybody, also without a token
	forBearers                         // whoever has a token
	forAdmins                          // who may manage the API's own keys
	forOperators                       // who runs the installation
	forProducers                       // and programs that only post messages
	forMembers                         // operators, and the people of the application that the path names
	forReplayers                       // of those, who may have messages delivered again
	forSecretReaders                   // of those, who may see signing keys
	forSecretKeepers                   // of those, who may change them
)

// isOfApplication reports whether the path names an application. Keys of others
// are the installation's own, and no member's.
func (to route) isOfApplication() bool { return strings.Contains(to.path, "{app_id}") }

// needs says which rights a caller must have for a route, and whether members
// may call it at all.
func (to route) needs() (need rights, members bool) {
	switch to.access {
	case forAll, forBearers:
		return 0, true
	case forAdmins:
		return mayAdmin, false
	case forProducers:
		return mayPublish, false
	case forReplayers:
		return mayReplay, true
	case forSecretReaders:
		return mayReadSecrets, to.isOfApplication()
	case forSecretKeepers:
		return mayRotate, to.isOfApplication()
	case forOperators, forMembers:
		members = to.access == forMembers
		if to.method == http.MethodGet {
			return mayRead, members
		}
		return mayManage, members
	default:
		return mayAll, false // nobody has decided
	}
}
