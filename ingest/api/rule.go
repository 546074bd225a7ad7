package api

import (
	"encoding/json"
	"strings"

	"github.com/postrider/postrider/shared/event"
)

const (
	maxName     = 256
	maxMetadata = 4096 // bytes of JSON
	maxRate     = 1<<16 - 1
)

// isName reports whether text can be a name: a uid, an event type, a channel.
func isName(text string) bool {
	if text == "" || len(text) > maxName {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// name checks a text that was read, which has to be a name.
func (f *form) name(field, text string) {
	if !isName(text) {
		f.refuse(field, "must be 1 to 256 of a-z, A-Z, 0-9, -, _ and .")
	}
}

// uid reads what an owner calls something. It must not look like one of our ids.
func (f *form) uid(field string, kind event.Kind, target *string) {
	if !clearable(f, field, target) {
		return
	}
	f.name(field, *target)
	if strings.HasPrefix(*target, string(kind)) {
		f.refuse(field, "must not start with "+string(kind))
	}
}

// text reads free text and reports whether there was any to be checked further.
func (f *form) text(field string, target *string) bool {
	if !member(f, field, target) {
		return false
	}
	if hasControl(*target) {
		f.refuse(field, "must not contain control characters")
		return false
	}
	return true
}

// names reads a list of at most most names. Null is no list; an empty one could
// mean all or none, so it is refused.
func (f *form) names(field string, most int, target *[]string) {
	if !clearable(f, field, target) {
		return
	}
	if len(*target) == 0 || len(*target) > most {
		f.refuse(field, "must be null or have at least one item, and not too many")
	}
	for _, name := range *target {
		if !isName(name) {
			f.name(field, name)
			return
		}
	}
}

// rate reads a limit of deliveries a second.
func (f *form) rate(target *int) {
	for _, field := range f.either("throttleRate", "rateLimit") {
		if clearable(f, field, target) && (*target < 1 || *target > maxRate) {
			f.refuse(field, "must be 1 to 65535")
		}
	}
}

// metadata reads a map of texts. Null is an empty one.
func (f *form) metadata(target *map[string]string) {
	const field = "metadata"
	if _, named := f.members[field]; !named {
		return
	}
	texts, ok := f.texts(field)
	if !ok {
		return
	}
	*target = texts
	if size, err := json.Marshal(texts); err != nil || len(size) > maxMetadata {
		f.refuse(field, "must not be longer than 4096 bytes as JSON")
	}
	for key, value := range texts {
		if hasControl(key) || hasControl(value) {
			f.refuse(field, "must not contain control characters")
			return
		}
	}
}

// texts reads a map whose values are all texts. None and null are an empty one.
func (f *form) texts(field string) (texts map[string]string, ok bool) {
	var read map[string]*string
	before := len(f.invalid)
	clearable(f, field, &read)
	texts = make(map[string]string, len(read))
	for key, value := range read {
		if value == nil {
			f.refuse(field, "must not contain null")
			break
		}
		texts[key] = *value
	}
	return texts, len(f.invalid) == before
}
