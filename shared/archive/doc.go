// Package archive keeps what the database drops: events, attempts and dead
// letters of days that are older than the retention, as files or in an object
// store, for whoever wants to look at them years later with tools of their own.
//
// An archive is two folders. A day (UTC) is in it when its manifest is; it is
// written last, and nothing of an archive is ever changed after that.
//
//	manifest/2026-11-21.json
//	data/2026-11-21/events-00000.ndjson.gz
//	data/2026-11-21/events-00001.ndjson.gz
//	data/2026-11-21/attempts-00000.ndjson.gz
//	data/2026-11-21/dead_letters-00000.ndjson.gz
//
// The manifest names every object with its number of rows, its size and its
// SHA-256. An object is lines of JSON, compressed with gzip: [Event], [Attempt] or
// [DeadLetter]. Events are in the day of their id, in the order of applications
// and ids. Attempts are in the day on which they were made, which may be later
// than their event's, in the order of messages. Dead letters are in the day of
// their event, or in a later one if it died after that was archived. Each is in
// the archive once.
//
// What was removed from the database by its owner's wish is not in the archive,
// nor a payload that was to be kept for less than its event.
package archive
