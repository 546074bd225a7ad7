package egress

// Reason says by which rule a URL or a connection was refused. The set is
// closed: it may be a metric's label and a code that tenants see.
type Reason string

// Why a URL or a connection is refused.
const (
	// ReasonAddress: the address is private, reserved or dangerous.
	ReasonAddress Reason = "blocked_address"
	// ReasonPort: the port is not one of the web, or one of internal services.
	ReasonPort Reason = "blocked_port"
	// ReasonName: the name means something on the inside only.
	ReasonName Reason = "blocked_name"
	// ReasonHTTPSOnly: the installation delivers to https only.
	ReasonHTTPSOnly Reason = "https_only"
	// ReasonScheme: the URL is not an http or https one.
	ReasonScheme Reason = "url_scheme"
	// ReasonSyntax: the text is not a URL.
	ReasonSyntax Reason = "url_syntax"
	// ReasonLength: the URL is longer than MaxURL.
	ReasonLength Reason = "url_length"
	// ReasonFragment: the URL has a fragment, which is never sent.
	ReasonFragment Reason = "url_fragment"
	// ReasonHost: the URL has no host, or one that is no name and no address.
	ReasonHost Reason = "url_host"
)

// BlockedError says that a URL or a connection was refused. Its text depends
// on Reason alone, so it tells a tenant neither what a name resolved to nor
// what listens there. Find it with errors.As and show it alone: the errors that
// package net/http puts around it contain the URL.
type BlockedError struct {
	Reason Reason
	// Rule names what refused an address, for the operator's log only: it would
	// tell a tenant what an internal name resolves to.
	Rule string
}

// Error returns the text for tenants.
func (e *BlockedError) Error() string {
	switch e.Reason {
	case ReasonAddress:
		return "address is not allowed"
	case ReasonPort:
		return "port is not allowed"
	case ReasonName:
		return "host is a local name"
	case ReasonHTTPSOnly:
		return "URL must be https"
	case ReasonScheme:
		return "URL must be http or https"
	case ReasonSyntax:
		return "URL is malformed"
	case ReasonLength:
		return "URL is too long"
	case ReasonFragment:
		return "URL must not have a fragment"
	case ReasonHost:
		return "URL must have a host: a domain name or an IP address in its usual form"
	default:
		return "destination is not allowed"
	}
}
