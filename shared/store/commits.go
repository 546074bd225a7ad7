package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// commits says which transactions had ended at a moment: all below one, and all
// below another but those that were open. It is PostgreSQL's pg_snapshot.
type commits struct {
	below, before uint64
	open          []uint64 // in order
}

// noCommits are those of the time before all transactions.
var noCommits = commits{below: 1, before: 1}

var errCommits = errors.New("not a snapshot")

// isZero reports whether no moment is meant.
func (c *commits) isZero() bool { return c.below == 0 }

// String is what PostgreSQL reads and writes.
func (c *commits) String() string {
	open := make([]string, len(c.open))
	for i, tx := range c.open {
		open[i] = strconv.FormatUint(tx, 10)
	}
	return fmt.Sprintf("%d:%d:%s", c.below, c.before, strings.Join(open, ","))
}

// parseCommits reads what PostgreSQL wrote.
func parseCommits(text string) (c commits, err error) {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == ':' || r == ',' })
	numbers := make([]uint64, len(parts))
	for i := range parts {
		if numbers[i], err = strconv.ParseUint(parts[i], 10, 64); err != nil {
			return commits{}, fmt.Errorf("read snapshot: %w", err)
		}
	}
	if len(numbers) < 2 {
		return commits{}, errCommits
	}
	return commits{below: numbers[0], before: numbers[1], open: numbers[2:]}, nil
}

// append writes it as the differences of its numbers, which are small.
func (c *commits) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(c.open)))
	var last uint64
	for _, n := range slices.Concat([]uint64{c.below}, c.open, []uint64{c.before}) {
		b = binary.AppendUvarint(b, n-last)
		last = n
	}
	return b
}

// cutCommits reads what append wrote, and returns the rest.
func cutCommits(b []byte) (c commits, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)) {
		return commits{}, nil, errCommits
	}
	b = b[size:]
	numbers := make([]uint64, n+2)
	var last uint64
	for i := range numbers {
		difference, size := binary.Uvarint(b)
		if last += difference; size <= 0 || last < difference || last > 1<<63-1 {
			return commits{}, nil, errCommits
		}
		numbers[i], b = last, b[size:]
	}
	return commits{below: numbers[0], open: numbers[1 : n+1], before: numbers[n+1]}, b, nil
}
