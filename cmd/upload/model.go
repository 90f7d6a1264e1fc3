package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"uploadd/api"
)

// The completions and the manual page are made of the same description of the
// commands and their flags as the program itself.

// visible are the commands, in the order of the help.
func visible(app *kong.Kong) []*kong.Node { return app.Model.Leaves(true) }

// flagsOf are the flags of a command, those of all commands last.
func flagsOf(command *kong.Node) (flags []*kong.Flag) {
	groups := command.AllFlags(true)
	slices.Reverse(groups)
	return slices.Concat(groups...)
}

// others are the names of the commands other than the one that needs none.
func others(app *kong.Kong) (names []string) {
	for _, c := range visible(app) {
		if c != app.Model.DefaultCmd {
			names = append(names, c.Name)
		}
	}
	return names
}

// choices are the values that a flag or an argument is known to take.
func choices(v *kong.Value) []string {
	switch {
	case v.Name == "purpose":
		return api.Purposes
	case v.Enum != "":
		return strings.Split(v.Enum, ",")
	}
	return nil
}

// takesFile says whether the value is the name of a file.
func takesFile(v *kong.Value) bool {
	return v.Name == "file" || v.Flag != nil && v.Flag.PlaceHolder == "FILE"
}

// names are how a flag is written.
func names(f *kong.Flag) []string {
	if f.Short != 0 {
		return []string{"-" + string(f.Short), "--" + f.Name}
	}
	return []string{"--" + f.Name}
}
