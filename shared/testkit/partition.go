package testkit

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/postrider/postrider/shared/event"
)

// Partition makes the partition of a day of one table, for a test that needs a
// past that its database has not had.
func Partition(t testing.TB, db *pgx.Conn, table string, date time.Time) {
	t.Helper()
	bound := func(date time.Time) string {
		if strings.HasSuffix(table, "_keys") {
			return date.Format(time.DateOnly)
		}
		id := event.FloorID(date)
		return fmt.Sprintf("%x-%x-%x-0000-000000000000", id[0:4], id[4:6], id[6:8])
	}
	_, err := db.Exec(t.Context(), fmt.Sprintf(`CREATE TABLE %s_%s PARTITION OF %s FOR VALUES FROM ('%s') TO ('%s')`,
		table, date.Format("20060102"), table, bound(date), bound(date.Add(24*time.Hour))))
	if err != nil {
		t.Fatal(err)
	}
}
