package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

type schema struct {
	Properties map[string]schema
	Required   []string
	Items      *schema
	Enum       []string
	Minimum    *int64
	Maximum    *int64
	MaxItems   *int64
	MaxLength  *int64
	Default    any
	AnyOf      []schema
}

type document struct {
	Components struct {
		Schemas    map[string]schema
		Parameters map[string]struct{ Schema schema }
	}
}

func describe(t *testing.T) (d document) {
	t.Helper()
	if err := json.Unmarshal(OpenAPI(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// keys are the JSON keys of a struct, and those that are always there.
func keys(v reflect.Type) (all, always []string) {
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Anonymous {
			a, b := keys(f.Type)
			all, always = append(all, a...), append(always, b...)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, name)
		if options != "omitempty" {
			always = append(always, name)
		}
	}
	return all, always
}

// The description has the keys that the Go types have, no more and no fewer.
func TestSchemasMatchTypes(t *testing.T) {
	d := describe(t)
	for name, v := range map[string]any{
		"Upload": Upload{}, "Part": Part{}, "PartInfo": PartInfo{}, "File": File{}, "DeletedFile": DeletedFile{},
		"UploadList": List[Upload]{}, "PartList": List[PartInfo]{}, "FileList": List[File]{},
		"CreateUploadRequest": CreateUploadRequest{}, "CompleteUploadRequest": CompleteUploadRequest{}, "ExpiresAfter": ExpiresAfter{},
		"Usage": Usage{}, "Account": Account{}, "AccountLimits": AccountLimits{},
	} {
		all, always := keys(reflect.TypeOf(v))
		s, ok := d.Components.Schemas[name]
		if !ok {
			t.Errorf("%s is not described", name)
			continue
		}
		var properties []string
		for p := range s.Properties {
			properties = append(properties, p)
		}
		for _, list := range [][]string{all, always, properties, s.Required} {
			slices.Sort(list)
		}
		if !slices.Equal(all, properties) || !slices.Equal(always, s.Required) {
			t.Errorf("%s: keys %v, always %v; described are %v, required %v", name, all, always, properties, s.Required)
		}
	}
}

func TestLimitsMatch(t *testing.T) {
	d := describe(t)
	upload := d.Components.Schemas["CreateUploadRequest"].Properties
	seconds := d.Components.Schemas["ExpiresAfter"].Properties["seconds"]
	limit := d.Components.Parameters["limit"].Schema
	for name, pair := range map[string][2]int64{
		"bytes":    {*upload["bytes"].Maximum, MaxUpload},
		"filename": {*upload["filename"].MaxLength, MaxFilename},
		"part_ids": {*d.Components.Schemas["CompleteUploadRequest"].Properties["part_ids"].MaxItems, MaxPartIDs},
		"soonest":  {*seconds.Minimum, MinFileLife},
		"latest":   {*seconds.Maximum, MaxFileLife},
		"limit":    {*limit.Maximum, MaxListLimit},
		"default":  {int64(limit.Default.(float64)), MaxListLimit},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: described as %d, and is %d", name, pair[0], pair[1])
		}
	}
	if got := upload["purpose"].Enum; !slices.Equal(got, Purposes) {
		t.Errorf("purposes: described are %v", got)
	}
}

// Every reference leads somewhere.
func TestReferencesResolve(t *testing.T) {
	var doc any
	if err := json.Unmarshal(OpenAPI(), &doc); err != nil {
		t.Fatal(err)
	}
	found := 0
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				found++
				at := doc
				for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
					m, _ := at.(map[string]any)
					at = m[step]
				}
				if at == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(doc)
	if found < 100 {
		t.Errorf("only %d references were found", found)
	}
}
