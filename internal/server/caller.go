package server

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"uploadd/api"
)

// Credentials are what a request says of who sends it.
type Credentials struct {
	Key     string // "" when the request has none
	Project string // that the header OpenAI-Project names, "" for none
	Local   bool   // see FromThisMachine
}

// Caller is who sends a request, once that is known. The API is cut down to what
// the caller may do.
type Caller struct {
	API     api.API
	Project string // for the log, as is Key
	Key     string // the id of the key, never the key; "" without one
	// Allow says whether the caller may call a method of the API at all. It is asked
	// before anything of the body is read; the API asks again.
	Allow func(method string) error
	Done  func() // called once the request has been answered; nil for nothing
}

// authenticate yields the caller's API before anything of the body is read, if it may
// call the method.
func (s *server) authenticate(w http.ResponseWriter, r *http.Request, method string) (api.API, error) {
	c, err := credentials(r.Header)
	if err != nil {
		return nil, err
	}
	c.Local = FromThisMachine(r)
	caller, err := s.Authenticate(r.Context(), c)
	x := exchangeOf(w)
	x.caller = caller // which says who it is, if it is known, also where it is refused
	if err != nil {
		x.body.known = caller.Key != ""
		return nil, err
	}
	x.body.admit(caller)
	if caller.Allow != nil {
		err = caller.Allow(method)
	}
	return caller.API, err
}

// FromThisMachine says whether a request names this machine itself as its host, and
// that it comes neither from a page of another origin nor through a proxy, which
// brings the requests of others: a browser sends what any page tells it to, also to
// addresses that nobody else can reach.
func FromThisMachine(r *http.Request) bool {
	for _, forwarded := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(forwarded) != "" {
			return false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return false
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if u, err := url.Parse(origin); err != nil || u.Host != r.Host {
			return false
		}
	}
	return namesLoopback(r.Host)
}

// namesLoopback says whether a Host header names this machine and no other. A page
// can give its own name the address of this machine; it cannot take this one's.
func namesLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// credentials reads the key, which the SDKs send as a bearer token and those of
// Azure in a header of its own, and the project. There are no organizations here:
// OpenAI-Organization names whatever the caller likes, and opens nothing.
func credentials(h http.Header) (c Credentials, err error) {
	authorization, err := single(h, "Authorization")
	if err != nil {
		return c, err
	}
	if authorization != "" {
		scheme, token, _ := strings.Cut(authorization, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" || strings.ContainsAny(token, " \t") {
			return c, api.Errorf(api.ErrUnauthorized, "",
				"The Authorization header is not of the form 'Bearer KEY'.").WithCode(api.CodeInvalidKey)
		}
		c.Key = token
	}
	azure, err := single(h, "Api-Key")
	if err != nil {
		return c, err
	}
	if azure != "" && c.Key != "" && azure != c.Key {
		return c, api.Errorf(api.ErrUnauthorized, "", "The headers Authorization and api-key hold different keys. Send one.")
	}
	if azure != "" {
		c.Key = azure
	}
	c.Project, err = single(h, "Openai-Project")
	return c, err
}

// single returns the value of a header that must not be there twice: each reader
// of the request on its way might take another one for true.
func single(h http.Header, name string) (string, error) {
	values := h.Values(name)
	if len(values) > 1 {
		return "", api.Errorf(api.ErrUnauthorized, "", "The request has %d %s headers. Send one.", len(values), name)
	}
	return h.Get(name), nil
}
