package cli

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sarifLog is the part of SARIF 2.1.0 that check writes, for a decoder that
// accepts nothing else: in the schema, each of these objects forbids properties
// that it does not name.
type sarifLog struct {
	Schema  string `json:"$schema"`
	Version string `json:"version"`
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name    string `json:"name"`
				Version string `json:"version"`
				Rules   []struct {
					ID                   string       `json:"id"`
					ShortDescription     sarifMessage `json:"shortDescription"`
					DefaultConfiguration struct {
						Level string `json:"level"`
					} `json:"defaultConfiguration"`
				} `json:"rules"`
			} `json:"driver"`
		} `json:"tool"`
		Results []sarifResult `json:"results"`
	} `json:"runs"`
}

type sarifMessage struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID    string       `json:"ruleId"`
	Level     string       `json:"level"`
	Message   sarifMessage `json:"message"`
	Locations []struct {
		PhysicalLocation struct {
			ArtifactLocation struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region *struct {
				StartLine   int `json:"startLine"`
				StartColumn int `json:"startColumn"`
			} `json:"region"`
		} `json:"physicalLocation"`
	} `json:"locations"`
}

func sarifOf(t *testing.T, found []finding) sarifLog {
	t.Helper()
	var b bytes.Buffer
	if err := writeSARIF(&b, "default", found); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	d := json.NewDecoder(&b)
	d.DisallowUnknownFields()
	if err := d.Decode(&log); err != nil {
		t.Fatalf("%v\n%s", err, b.Bytes())
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 || log.Runs[0].Tool.Driver.Name == "" || log.Runs[0].Results == nil {
		t.Fatalf("required by the schema: version, runs, tool.driver.name, and results that are no null: %+v", log)
	}
	return log
}

// TestSARIF holds the report to what the schema of OASIS requires and what
// GitHub asks for beyond it: a place for every result, by a relative path.
func TestSARIF(t *testing.T) {
	levels := []string{"none", "note", "warning", "error"}
	found := []finding{
		{findMissing, "GONE", "tool", "charge", 4, 26, "{{GONE}}", "project default has no such secret"},
		{findNear, "", "instruction", "run.book-1", 1, 1, "{{ A }}", "write it without white space"},
		{findExpired, "OLD", "file", "./a b/c:d%é.tmpl", 9, 2, "{{OLD}}", "since 2020-01-31"},
		{Kind: findUnused, Name: "UNUSED", Why: "nothing uses it"},
	}
	run := sarifOf(t, found).Runs[0]
	var rules []string
	for _, r := range run.Tool.Driver.Rules {
		rules = append(rules, r.ID)
		if r.ID == "" || r.ShortDescription.Text == "" || !slices.Contains(levels, r.DefaultConfiguration.Level) {
			t.Errorf("rule %+v", r)
		}
	}
	if diff := cmp.Diff([]string{findMissing, findNear, findUnused, findExpired}, rules); diff != "" {
		t.Error(diff)
	}
	var places []string
	for i, r := range run.Results {
		if r.RuleID != found[i].Kind || !slices.Contains(levels, r.Level) || r.Message.Text == "" || len(r.Locations) != 1 {
			t.Fatalf("result %+v", r)
		}
		at := r.Locations[0].PhysicalLocation
		u, err := url.Parse(at.ArtifactLocation.URI)
		if err != nil || u.IsAbs() || u.Host != "" {
			t.Errorf("%q is no relative reference: %v", at.ArtifactLocation.URI, err)
		}
		if hasPlace := found[i].Source != ""; hasPlace != (at.Region != nil) || hasPlace && (at.Region.StartLine != found[i].Line || at.Region.StartColumn != found[i].Column) {
			t.Errorf("region of %+v: %+v", found[i], at.Region)
		}
		places = append(places, at.ArtifactLocation.URI)
	}
	want := []string{"tacenda/default/tool/charge", "tacenda/default/instruction/run.book-1", "a%20b/c:d%25%C3%A9.tmpl", "tacenda/default/secret/UNUSED"}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Error(diff)
	}
	sarifOf(t, nil)
}

// TestFileURI: every path comes back from its reference.
func TestFileURI(t *testing.T) {
	for _, path := range []string{"a.tmpl", "./a.tmpl", "../a.tmpl", "a/b c.tmpl", "c:d.tmpl", "./c:d.tmpl", "a%20b", "a?b#c", "\xff", "-", "/etc/a:b c", "//host/x"} {
		u, err := url.Parse(fileURI(path))
		if err != nil {
			t.Errorf("%q: %v", path, err)
			continue
		}
		want := filepath.Clean(path)
		if got := filepath.Clean(u.Path); got != want || u.Host != "" || u.IsAbs() != filepath.IsAbs(path) {
			t.Errorf("%q became %q, which is %q", path, fileURI(path), got)
		}
	}
}
