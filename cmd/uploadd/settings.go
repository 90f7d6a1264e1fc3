package main

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// configFlag names a file with settings, which every command takes those from that it
// has flags for.
type configFlag struct {
	Config string `type:"existingfile" placeholder:"FILE" help:"Read settings from this file: TOML, with the names of serve's flags as keys. A flag overrides a variable of the environment, and that one the file."`
}

// BeforeResolve puts the settings of the file below those of the environment.
func (c *configFlag) BeforeResolve(ctx *kong.Context) error {
	serve := commandOf(ctx.Model.Node, "serve")
	if selected := ctx.Selected(); selected == serve || selected == commandOf(ctx.Model.Node, "config") {
		if err := refuseUnknownVariables(ctx.Model.Node, os.Environ()); err != nil {
			return err
		}
	}
	path := ctx.FlagValue(flagOf(ctx.Model.Node, "config")).(string)
	if path == "" {
		return nil
	}
	file, err := readSettings(path, serve)
	if err != nil {
		return err
	}
	ctx.AddResolver(file)
	return nil
}

func commandOf(app *kong.Node, name string) *kong.Node {
	i := slices.IndexFunc(app.Children, func(n *kong.Node) bool { return n.Name == name })
	return app.Children[i]
}

func flagOf(node *kong.Node, name string) *kong.Flag {
	i := slices.IndexFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return node.Flags[i]
}

// settings are what a file says: by the name of the flag.
type settings struct {
	path   string
	values map[string]any
}

// readSettings reads a file of settings, all of which must be flags of serve.
func readSettings(path string, serve *kong.Node) (*settings, error) {
	s := &settings{path: path}
	if _, err := toml.DecodeFile(path, &s.values); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for name, value := range s.values {
		if flagOf(serve, name) == nil || name == "help" {
			return nil, fmt.Errorf("%s: there is no setting '%s'%s", path, name, meant(name, serve))
		}
		switch v := value.(type) {
		case string, bool, []any:
		case int64, float64: // as it would be written on a command line
			s.values[name] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("%s: '%s' must be text in quotes, a number, true, false, or a list of texts", path, name)
		}
	}
	return s, nil
}

// meant says which setting of serve somebody may have had in mind.
func meant(name string, serve *kong.Node) string {
	plain := func(s string) string { return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s)) }
	for _, f := range serve.Flags {
		if plain(f.Name) == plain(name) {
			return fmt.Sprintf(": write it '%s'", f.Name)
		}
	}
	return ". Its settings are the flags that 'uploadd serve --help' shows, without the dashes in front"
}

// Validate is for kong: readSettings has done it.
func (s *settings) Validate(*kong.Application) error { return nil }

// Resolve returns what the file says of a flag, nil for nothing.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	value, ok := s.values[flag.Name]
	if !ok || variableOf(flag) != "" {
		return nil, nil
	}
	if _, list := value.([]any); list && flag.Target.Kind() != reflect.Slice { // kong would print all of it
		return nil, fmt.Errorf("%s: '%s' is one value, not a list", s.path, flag.Name)
	}
	// kong does not know which file a wrong value is in.
	if err := flag.Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), reflect.New(flag.Target.Type()).Elem()); err != nil {
		return nil, fmt.Errorf("%s: %s", s.path, strings.TrimPrefix(err.Error(), flag.ShortSummary()+": "))
	}
	if flag.Enum != "" && flag.Target.Kind() != reflect.Slice && !slices.Contains(flag.EnumSlice(), fmt.Sprint(value)) {
		return nil, fmt.Errorf("%s: '%v' is not one of %s", s.path, value, strings.Join(flag.EnumSlice(), ", "))
	}
	return value, nil
}

// variableOf is the variable of the environment that sets a flag, "" if none does.
func variableOf(flag *kong.Flag) string {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return name
		}
	}
	return ""
}

// Kubernetes puts such variables into every container beside a Service of our name. Its
// UPLOADD_PORT is a URL; one that is a number is somebody's mistake.
var ofKubernetes = regexp.MustCompile(`^\w+(_SERVICE_HOST|_SERVICE_PORT(_\w+)?|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=|^\w+_PORT=\w+://`)

// refuseUnknownVariables finds variables of the environment that are meant to be
// settings, and are none.
func refuseUnknownVariables(app *kong.Node, environ []string) error {
	known := map[string]bool{}
	var learn func(n *kong.Node)
	learn = func(n *kong.Node) {
		for _, f := range n.Flags {
			for _, name := range f.Envs {
				known[name] = true
			}
		}
		for _, child := range n.Children {
			learn(child)
		}
	}
	learn(app)
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "UPLOADD_") && !known[name] && !ofKubernetes.MatchString(variable) {
			return fmt.Errorf("the environment has %s, which is no setting: 'uploadd serve --help' shows those that there are; correct its name, or unset it", name)
		}
	}
	return nil
}
