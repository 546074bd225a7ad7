package profile

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"time"
)

// WriteEvents writes the events of a span as CSV: when each comes, in seconds, of
// which tenant, to how many endpoints, of how many bytes, and whether it is of a
// burst.
func (p Profile) WriteEvents(to io.Writer, span time.Duration) error {
	out := bufio.NewWriter(to)
	_, _ = out.WriteString("at,tenant,endpoints,bytes,burst\n") // Flush tells of errors
	var line []byte
	for e := range p.Events(span) {
		line = strconv.AppendFloat(line[:0], e.At.Seconds(), 'f', 6, 64)
		for _, n := range []int{e.Tenant, p.fanOut(e.Tenant), e.Size} {
			line = strconv.AppendInt(append(line, ','), int64(n), 10)
		}
		line = append(strconv.AppendBool(append(line, ','), e.Burst), '\n')
		if _, err := out.Write(line); err != nil {
			break // the rest of a day is not needed to say so
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return nil
}

// WriteTenants writes the endpoints of all tenants as CSV: which tenant, which of
// its endpoints, and how that one does.
func (p Profile) WriteTenants(to io.Writer) error {
	out := bufio.NewWriter(to)
	_, _ = out.WriteString("tenant,endpoint,health\n") // Flush tells of errors
	for tenant := range p.Tenants {
		for i, health := range p.Endpoints(tenant) {
			_, _ = fmt.Fprintf(out, "%d,%d,%s\n", tenant, i, health)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write tenants: %w", err)
	}
	return nil
}
