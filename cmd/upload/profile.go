package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"uploadd/api"
	"uploadd/client"
)

// serverFlag is shared by all commands that talk to a server.
type serverFlag struct {
	Profile string `placeholder:"NAME" env:"UPLOAD_PROFILE" help:"Which server of the configuration file to use; openai and azure name those of the environment."`
}

// profile is a server in the configuration file, or one that the environment
// describes. Its address and its key always come from the same place: a key is
// never sent to where it does not belong.
type profile struct {
	BaseURL       string `json:"base_url"`
	AzureEndpoint string `json:"azure_endpoint"` // instead of base_url
	APIVersion    string `json:"api_version"`    // of Azure
	Organization  string `json:"organization"`
	Project       string `json:"project"`

	// At most one of these.
	Key     string `json:"key"`
	KeyFile string `json:"key_file"` // relative to the configuration's directory
	KeyEnv  string `json:"key_env"`
}

const (
	openAI         = "https://api.openai.com/v1"
	defaultProfile = "default"
	configFile     = "config.json"
)

var errNoServer = usagef(`no server is known. Set one of
  OPENAI_API_KEY                                      for OpenAI, and
  OPENAI_BASE_URL                                     for another server, such as http://127.0.0.1:8080/v1
  AZURE_OPENAI_ENDPOINT with AZURE_OPENAI_API_KEY     for Azure OpenAI
or describe one as the profile "default" in the configuration file`)

// resolve finds the server: the one that is named, else the environment's, else
// the profile called default.
func (s serverFlag) resolve(env *environment) (*profile, error) {
	if s.Profile == "" {
		switch open, azure := openAIFrom(env), azureFrom(env); {
		case open != nil && azure != nil:
			return nil, usagef("the environment describes both OpenAI and Azure OpenAI: say --profile=openai or --profile=azure")
		case open != nil:
			return open, nil
		case azure != nil:
			return azure, azure.complete()
		}
	}
	dir, err := configDir(env)
	if err != nil {
		return nil, err
	}
	profiles, err := readProfiles(env, filepath.Join(dir, configFile))
	if err != nil {
		return nil, err
	}
	name := s.Profile
	if name == "" {
		name = defaultProfile
	}
	p, ok := profiles[name]
	switch {
	case ok:
		if err := p.readKey(env, dir); err != nil {
			return nil, fmt.Errorf("profile %s: %w", name, err)
		}
	case s.Profile == "":
		return nil, errNoServer
	case name == "openai":
		p = openAIFrom(env)
	case name == "azure":
		p = azureFrom(env)
	}
	if p == nil {
		return nil, usagef("there is no profile %q in %s or the environment", name, filepath.Join(dir, configFile))
	}
	if err := p.complete(); err != nil {
		return nil, fmt.Errorf("profile %s: %w", name, err)
	}
	return p, nil
}

// configDir is where the user's settings for this program are.
func configDir(env *environment) (string, error) {
	if dir := env.getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "upload"), nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("where settings are kept: %w", err)
	}
	return filepath.Join(dir, "upload"), nil
}

// openAIFrom is what the environment says to the official SDKs; nil when that is
// nothing.
func openAIFrom(env *environment) *profile {
	p := &profile{
		BaseURL:      env.getenv("OPENAI_BASE_URL"),
		Key:          env.getenv("OPENAI_API_KEY"),
		Organization: env.getenv("OPENAI_ORG_ID"),
		Project:      env.getenv("OPENAI_PROJECT_ID"),
	}
	switch {
	case p.BaseURL == "" && p.Key == "":
		return nil
	case p.BaseURL == "":
		p.BaseURL = openAI
	}
	return p
}

// azureFrom is what the environment says to the SDKs' clients for Azure.
func azureFrom(env *environment) *profile {
	endpoint := env.getenv("AZURE_OPENAI_ENDPOINT")
	if endpoint == "" {
		return nil
	}
	return &profile{AzureEndpoint: endpoint, Key: env.getenv("AZURE_OPENAI_API_KEY"), APIVersion: env.getenv("OPENAI_API_VERSION")}
}

// complete refuses a profile with something missing, rather than guess it.
func (p *profile) complete() error {
	switch {
	case p.BaseURL == "" && p.AzureEndpoint == "":
		return usagef("it has neither base_url nor azure_endpoint")
	case p.BaseURL != "" && p.AzureEndpoint != "":
		return usagef("it has both base_url and azure_endpoint")
	case p.AzureEndpoint == "":
		return nil
	case p.APIVersion == "":
		return usagef("Azure OpenAI needs an API version: set OPENAI_API_VERSION, or api_version in the profile, such as 2024-10-21")
	case p.Key == "":
		return usagef("Azure OpenAI needs a key: set AZURE_OPENAI_API_KEY, or one of key, key_file and key_env in the profile")
	}
	return nil
}

// readKey gets the key from where the profile says it is.
func (p *profile) readKey(env *environment, dir string) error {
	given := 0
	for _, where := range []string{p.Key, p.KeyFile, p.KeyEnv} {
		if where != "" {
			given++
		}
	}
	switch {
	case given > 1:
		return usagef("it has more than one of key, key_file and key_env")
	case p.KeyEnv != "":
		if p.Key = env.getenv(p.KeyEnv); p.Key == "" {
			return usagef("its key_env names %s, which is not set", p.KeyEnv)
		}
	case p.KeyFile != "":
		path := p.KeyFile
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		raw, err := readPrivate(env, path, true)
		if err != nil {
			return err
		}
		if p.Key = strings.TrimSpace(string(raw)); p.Key == "" {
			return usagef("its key_file %s is empty", path)
		}
	}
	return nil
}

// readProfiles reads the configuration file. That there is none is no error.
func readProfiles(env *environment, path string) (map[string]*profile, error) {
	raw, err := readPrivate(env, path, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var config struct {
		Profiles map[string]*profile `json:"profiles"`
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields() // a mistyped one would be a setting that has no effect
	if err := dec.Decode(&config); err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, usagef("%s: there is something behind its end", path)
	}
	for name, p := range config.Profiles {
		if p == nil {
			return nil, usagef("%s: profile %s is null", path, name)
		}
	}
	holds := func(p *profile) bool { return p.Key != "" }
	if slices.ContainsFunc(values(config.Profiles), holds) {
		warnReadable(env, path)
	}
	return config.Profiles, nil
}

// connect makes the client. It connects to nothing yet.
func (s serverFlag) connect(env *environment) (*client.Client, error) {
	p, err := s.resolve(env)
	if err != nil {
		return nil, err
	}
	cfg := client.Config{BaseURL: p.BaseURL, Key: p.Key, Organization: p.Organization, Project: p.Project}
	if p.AzureEndpoint != "" {
		cfg.BaseURL, cfg.APIVersion = p.AzureEndpoint, p.APIVersion
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

// api is connect for requests of which each is the whole of what is done.
func (s serverFlag) api(env *environment) (api.API, error) {
	c, err := s.connect(env)
	return patient{c, env}, err
}

func values(m map[string]*profile) (all []*profile) {
	for _, p := range m {
		all = append(all, p)
	}
	return all
}

// readPrivate reads a small file. When it is secret, others must not be able to.
func readPrivate(env *environment, path string, secret bool) ([]byte, error) {
	const most = 1 << 20
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, err
	case len(raw) > most:
		return nil, fmt.Errorf("%s is larger than %s", path, size(most))
	}
	if secret {
		warnReadable(env, path)
	}
	return raw, nil
}

// warnReadable says so when others can read a file with a key in it.
func warnReadable(env *environment, path string) {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return
	}
	fmt.Fprintf(env.stderr, "upload: warning: %s holds a key, and others can read it: chmod 600 %s\n", path, path)
}
