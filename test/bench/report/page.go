package report

import (
	"fmt"
	"os"
	"strings"
)

// Replace puts text between the two lines of the page at path that mark the section
// called name, and leaves what people wrote around it as it is.
func Replace(path, name, text string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := fmt.Sprintf("<!-- %s: make bench writes this -->\n", name), fmt.Sprintf("<!-- end of %s -->\n", name)
	before, rest, found := strings.Cut(string(page), begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s has no lines %q and %q to write between", path, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(path, []byte(before+begin+"\n"+strings.TrimSpace(text)+"\n\n"+end+after), 0o644)
}
