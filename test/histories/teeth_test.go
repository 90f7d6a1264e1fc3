package histories

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// The checker tells right histories from wrong ones. In these every request
// begins when the one before has been answered.
func TestCheckerNotices(t *testing.T) {
	add := func(id, data string) [2]any {
		return [2]any{input{kind: addPart, data: data}, output{outcome: ok, id: id}}
	}
	did := func(k kind, o outcome, id string, ids ...string) [2]any {
		return [2]any{input{kind: k, ids: ids}, output{outcome: o, id: id}}
	}
	status := func(s, file string) [2]any {
		return [2]any{input{kind: getUpload}, output{outcome: ok, status: s, id: file}}
	}
	read := func(data string) [2]any { return [2]any{input{kind: download}, output{outcome: ok, data: data}} }
	listed := func(ids ...string) [2]any { return [2]any{input{kind: listParts}, output{outcome: ok, ids: ids}} }
	parts := [][2]any{add("a", "A"), add("b", "B"), add("c", "C"), add("d", "D")}
	whole := []string{"d", "a", "b", "c"}
	completed := append(parts[:4:4], did(complete, ok, "F", whole...))
	for _, tt := range []struct {
		name  string
		right bool
		ops   [][2]any
	}{
		{"a life", true, append(completed[:5:5], status("completed", "F"), read("DABC"), did(deletion, ok, ""), status("completed", ""), did(deletion, refused, ""))},
		{"a completion repeated", true, append(completed[:5:5], did(complete, ok, "F", whole...))},
		{"a cancellation", true, append(parts[:4:4], did(cancel, ok, ""), did(complete, refused, "", whole...), listed(), did(cancel, ok, ""))},
		{"a lost completion that happened", true, append(parts[:4:4], did(complete, lost, "", whole...), status("completed", "F"))},
		{"a lost completion that did not", true, append(parts[:4:4], did(complete, lost, "", whole...), status("pending", ""), did(cancel, ok, ""))},

		{"a part after the completion", false, append(completed[:5:5], add("e", "E"))},
		{"a part after the cancellation", false, append(parts[:4:4], did(cancel, ok, ""), add("e", "E"))},
		{"a part refused while pending", false, [][2]any{{input{kind: addPart, data: "A"}, output{outcome: refused}}}},
		{"two files of one upload", false, append(completed[:5:5], did(complete, ok, "G", whole...))},
		{"another file looked up", false, append(completed[:5:5], status("completed", "G"))},
		{"completed after the cancellation", false, append(parts[:4:4], did(cancel, ok, ""), did(complete, ok, "F", whole...))},
		{"cancelled after the completion", false, append(completed[:5:5], did(cancel, ok, ""))},
		{"completed again in another order", false, append(completed[:5:5], did(complete, ok, "F", "a", "b", "c", "d"))},
		{"completed with too few", false, append(parts[:4:4], did(complete, ok, "F", "a", "b", "c"))},
		{"completed with a part twice", false, append(parts[:4:4], did(complete, ok, "F", "a", "b", "c", "c"))},
		{"completed with a part of nobody", false, append(parts[:4:4], did(complete, ok, "F", "a", "b", "c", "x"))},
		{"a good completion refused", false, append(parts[:4:4], did(complete, refused, "", whole...))},
		{"a repetition refused", false, append(completed[:5:5], did(complete, refused, "", whole...))},
		{"bytes in another order", false, append(completed[:5:5], read("ABCD"))},
		{"bytes of a deleted file", false, append(completed[:5:5], did(deletion, ok, ""), read("DABC"))},
		{"deleted twice", false, append(completed[:5:5], did(deletion, ok, ""), did(deletion, ok, ""))},
		{"a deletion refused", false, append(completed[:5:5], did(deletion, refused, ""))},
		{"an acknowledged part is not listed", false, append(parts[:4:4], listed("a", "b", "c"))},
		{"a part that was not named is still listed", false, append(parts[:4:4], add("e", "E"), did(complete, ok, "F", whole...), listed("a", "b", "c", "d", "e"))},
		{"a stale state", false, append(completed[:5:5], status("pending", ""))},
		{"pending again", false, append(parts[:4:4], did(cancel, ok, ""), status("pending", ""))},
		{"a file is missing from the list", false, append(completed[:5:5], did(listFiles, refused, ""))},
		{"a deleted file is in the list", false, append(completed[:5:5], did(deletion, ok, ""), did(listFiles, ok, ""))},
		{"completed again after the deletion", false, append(completed[:5:5], did(deletion, ok, ""), did(complete, ok, "F", whole...))},
	} {
		var h []porcupine.Operation
		for i, op := range tt.ops {
			call, end := int64(2*i), int64(2*i+1)
			if op[1].(output).outcome == lost {
				end = 1 << 40
			}
			h = append(h, porcupine.Operation{Input: op[0], Output: op[1], Call: call, Return: end})
		}
		if got := porcupine.CheckOperations(model, h); got != tt.right {
			t.Errorf("%s: linearizable is %v, want %v", tt.name, got, tt.right)
		}
	}
}
