package cli

import (
	"cmp"
	"io"
	"net/url"
	"path/filepath"
	"strings"
)

// sarifLevel is how a code scanner shows a finding.
func sarifLevel(kind string) string {
	switch kind {
	case findMissing:
		return "error"
	case findUnused:
		return "note"
	}
	return "warning"
}

// writeSARIF writes findings as SARIF 2.1.0 (OASIS), the exchange format of
// code scanners. Columns are in bytes, as everywhere else: SARIF knows other units
// only, which are the same wherever a line is ASCII up to the placeholder.
func writeSARIF(w io.Writer, project string, found []finding) error {
	type m = map[string]any
	rules := []m{}
	for _, k := range findingKinds {
		rules = append(rules, m{"id": k.kind, "shortDescription": m{"text": k.text}, "defaultConfiguration": m{"level": sarifLevel(k.kind)}})
	}
	results := []m{}
	for _, f := range found {
		message := f.Kind + ": " + f.Why
		if what := cmp.Or(f.Text, f.Name); what != "" {
			message = f.Kind + ": " + what + ": " + f.Why
		}
		place := m{"artifactLocation": m{"uri": sarifURI(project, f)}}
		if f.Source != "" {
			place["region"] = m{"startLine": f.Line, "startColumn": f.Column}
		}
		results = append(results, m{
			"ruleId": f.Kind, "level": sarifLevel(f.Kind), "message": m{"text": message},
			"locations": []m{{"physicalLocation": place}},
		})
	}
	driver := m{"name": "tacenda", "version": versionInfo().Version, "rules": rules}
	return writeJSON(w, m{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs":    []m{{"tool": m{"driver": driver}, "results": results}},
	})
}

// sarifURI is where a finding stands. What is in the vault and no file gets a
// path that says so, relative like those of files: GitHub refuses a whole
// report for one result that has no place.
func sarifURI(project string, f finding) string {
	switch f.Source {
	case "file":
		return fileURI(f.File)
	case "":
		return (&url.URL{Path: "tacenda/" + project + "/secret/" + f.Name}).String()
	}
	return (&url.URL{Path: "tacenda/" + project + "/" + f.Source + "/" + f.File}).String()
}

// fileURI is a path as SARIF wants it: relative ones stay relative.
func fileURI(path string) string {
	u := url.URL{Path: strings.TrimPrefix(filepath.ToSlash(path), "./")}
	if filepath.IsAbs(path) {
		u.Scheme = "file"
	}
	return u.String()
}
