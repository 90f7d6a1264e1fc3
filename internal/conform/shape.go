package conform

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// kind is a type of JSON.
type kind string

const (
	aString  kind = "a string"
	aNumber  kind = "a whole number"
	aBoolean kind = "true or false"
	anArray  kind = "an array"
)

// shape is the keys that an object must have, with the types of their values; and a
// value that some must have.
type shape struct {
	keys  map[string]kind
	fixed map[string]string
}

var (
	uploadShape = shape{
		map[string]kind{"id": aString, "object": aString, "bytes": aNumber, "created_at": aNumber, "expires_at": aNumber,
			"filename": aString, "purpose": aString, "status": aString},
		map[string]string{"object": "upload"}}
	partShape = shape{
		map[string]kind{"id": aString, "object": aString, "created_at": aNumber, "upload_id": aString},
		map[string]string{"object": "upload.part"}}
	fileShape = shape{
		map[string]kind{"id": aString, "object": aString, "bytes": aNumber, "created_at": aNumber,
			"filename": aString, "purpose": aString, "status": aString},
		map[string]string{"object": "file"}}
	deletedShape = shape{
		map[string]kind{"id": aString, "object": aString, "deleted": aBoolean},
		map[string]string{"object": "file"}}
	listShape = shape{
		map[string]kind{"object": aString, "data": anArray, "has_more": aBoolean, "first_id": aString, "last_id": aString},
		map[string]string{"object": "list"}}
)

func kindOfValue(v any) kind {
	switch v := v.(type) {
	case string:
		return aString
	case json.Number:
		if !strings.ContainsAny(v.String(), ".eE") {
			return aNumber
		}
	case bool:
		return aBoolean
	case []any:
		return anArray
	}
	return ""
}

// shaped wants an object to have a shape. where names it in an answer.
func (p *probe) shaped(a *answer, where string, o object, s shape) {
	if o == nil {
		p.differs(a, strings.TrimSuffix(where, ".")+" is an object", a.String())
	}
	for _, key := range slices.Sorted(maps.Keys(s.keys)) {
		v, has := o[key]
		switch {
		case !has:
			p.differs(a, where+key+" is "+string(s.keys[key]), "there is no "+where+key)
		case kindOfValue(v) != s.keys[key]:
			p.differs(a, where+key+" is "+string(s.keys[key]), show(v))
		}
	}
	for key, value := range s.fixed {
		p.equal(a, where+key, o[key], value)
	}
}

// hasKeys wants an object to have these keys and no others.
func (p *probe) hasKeys(a *answer, o object, keys ...string) {
	slices.Sort(keys)
	if got := slices.Sorted(maps.Keys(o)); !slices.Equal(got, keys) {
		p.differs(a, "the keys "+strings.Join(keys, ", "), strings.Join(got, ", "))
	}
}
