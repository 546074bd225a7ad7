package api

import (
	"slices"

	"github.com/postrider/postrider/shared/store"
)

const (
	operationalPath    = "/operational-webhook/endpoint"
	oneOperationalPath = operationalPath + "/{endpoint_id}"
)

// operationalRoutes lead to the endpoints that are told of what happens to those
// of applications. They are endpoints like all others, of the system tenant.
func operationalRoutes() []route {
	return []route{
		{"GET", operationalPath, forOperators, (*call).listEndpoints},
		{"POST", operationalPath, forOperators, (*call).createEndpoint},
		{"GET", oneOperationalPath, forOperators, (*call).getEndpoint},
		{"PUT", oneOperationalPath, forOperators, (*call).putEndpoint},
		{"DELETE", oneOperationalPath, forOperators, (*call).deleteEndpoint},
		{"GET", oneOperationalPath + "/secret", forSecretReaders, (*call).getSecret},
		{"POST", oneOperationalPath + "/secret/rotate", forSecretKeepers, (*call).rotateSecret},
		{"GET", oneOperationalPath + "/headers", forOperators, (*call).getHeaders},
		{"PUT", oneOperationalPath + "/headers", forOperators, (*call).putHeaders},
	}
}

// wantsNotices makes sure that an operational endpoint asks for what it can get.
func wantsNotices(e *store.Endpoint) error {
	if e.Channels != nil {
		return unprocessable(invalid{Loc: []string{"body", "channels"}, Msg: "operational webhooks have no channels", Type: typeValue})
	}
	missing := slices.DeleteFunc(slices.Clone(e.EventTypes), func(name string) bool { return slices.Contains(store.Notices(), name) })
	if len(missing) > 0 {
		return noEventTypes(missing)
	}
	return nil
}
