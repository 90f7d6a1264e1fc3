package api

import _ "embed"

//go:embed openapi.json
var openAPI []byte

// OpenAPI returns the description of what is served: an OpenAPI 3.1 document
// in which every extension is marked x-uploadd-extension.
func OpenAPI() []byte { return openAPI }
