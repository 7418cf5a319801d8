package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrap(t *testing.T) {
	const text = "values and keys are locked\nmend: ulimit -l 8192 in averyverylongwordthatfitsnowhere"
	for _, tt := range []struct {
		width int
		want  []string
	}{
		{0, []string{"values and keys are locked", "mend: ulimit -l 8192 in averyverylongwordthatfitsnowhere"}},
		{-20, []string{"values and keys are locked", "mend: ulimit -l 8192 in averyverylongwordthatfitsnowhere"}},
		{24, []string{"values and keys are", "locked", "mend: ulimit -l 8192 in", "averyverylongwordthatfitsnowhere"}},
		{200, []string{"values and keys are locked", "mend: ulimit -l 8192 in averyverylongwordthatfitsnowhere"}},
	} {
		if d := cmp.Diff(tt.want, wrap(text, tt.width)); d != "" {
			t.Errorf("width %d (-want +got)\n%s", tt.width, d)
		}
	}
}
