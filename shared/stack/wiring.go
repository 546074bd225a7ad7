package stack

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/postrider/postrider/shared/stack/link"
)

// Client is the name of whoever calls the API.
const Client = "client"

// ends are the two that a link connects: who calls, and who is called.
type ends struct{ from, to string }

// Link returns the link by which a process reaches a server, or the client the
// API. It is nil where there is none: without Options.Links, and between others.
func (s *Stack) Link(from, to string) *link.Link { return s.links[ends{from, to}] }

// Links lists the ends of all links: who calls, and who is called.
func (s *Stack) Links() [][2]string {
	var all [][2]string
	for _, e := range slices.SortedFunc(maps.Keys(s.links), func(a, b ends) int { return strings.Compare(a.from+" "+a.to, b.from+" "+b.to) }) {
		all = append(all, [2]string{e.from, e.to})
	}
	return all
}

// connect returns the address by which one reaches the other, through a link if
// there are to be any.
func (s *Stack) connect(from, to, address string) (string, error) {
	if !s.options.Links {
		return address, nil
	}
	l, err := link.Listen(address)
	if err != nil {
		return "", fmt.Errorf("link %s with %s: %w", from, to, err)
	}
	s.links[ends{from, to}] = l
	return l.Addr(), nil
}

// wire returns the settings by which a process finds the servers, as whom it comes.
func (s *Stack) wire(stage, name string) ([]string, error) {
	database, err := s.reach(name, Postgres)
	if err != nil {
		return nil, err
	}
	own, err := s.rights.as(stage, database)
	if err != nil {
		return nil, err
	}
	settings := []string{"POSTRIDER_DATABASE_URL=" + own}
	if stage == ingest && !s.rights.none() {
		api, err := s.rights.as("api", database)
		if err != nil {
			return nil, err
		}
		settings = append(settings, "POSTRIDER_API_DATABASE_URL="+api)
	}
	var nodes []string
	for _, node := range s.nodes {
		address, err := s.reach(name, node)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, address)
	}
	return append(settings, "POSTRIDER_NATS_URL="+strings.Join(nodes, ",")), nil
}

// reach is the URL by which a process reaches a server.
func (s *Stack) reach(name, server string) (string, error) {
	u, err := url.Parse(s.servers[server])
	if err != nil {
		return "", fmt.Errorf("parse URL of %s: %w", server, err)
	}
	if u.Host, err = s.connect(name, server, u.Host); err != nil {
		return "", err
	}
	if isNATS(server) {
		u.User = s.rights.natsUser(name)
	}
	return u.String(), nil
}
