package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/pflag"

	"tacenda/internal/vault"
)

// What stands where a path or a name belongs may be the key or the value
// itself: "$(cat id)" for id is a mistake of six characters. This file decides
// how much of what a user typed a message repeats.

const (
	// longestShown is more than the paths and names that people type have, in
	// bytes, and less than most private keys.
	longestShown = 200
	// shortestHidden keeps "a\nb" from being cut out of every message that has
	// these characters.
	shortestHidden = 8
	quotedStart    = 40                // characters
	ageSecret      = "AGE-SECRET-KEY-" //nolint:gosec // how such keys begin, not one of them
	pemHead        = "-----BEGIN"
)

// privateKey tells whether text is, or holds, a private key.
func privateKey(text string) bool {
	return strings.Contains(text, pemHead) || strings.Contains(strings.ToUpper(text), ageSecret)
}

// repeated is how a message names what the user gave as a path or a name.
func repeated(text string) string {
	hide := privateKey(text) || len(text) > longestShown && !filepath.IsAbs(text)
	if hide || len(text) >= shortestHidden && strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Sprintf("a text of %d bytes that is no path", len(text))
	}
	return text
}

// pathLike tells whether text can be repeated although no such file exists: one
// who passes a value or a passphrase for its file writes no slash in front.
func pathLike(text string) bool {
	return repeated(text) == text &&
		(filepath.IsAbs(text) || strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../"))
}

// conceal cuts out of a message what repeated would not show: the arguments and
// variables in any form in which an error repeats them, and whatever else looks
// like a private key.
func (a *app) conceal(message string) string {
	given := append([]string(nil), a.sys.Args...)
	for _, arg := range a.sys.Args {
		if _, value, ok := strings.Cut(arg, "="); ok {
			given = append(given, value)
		}
	}
	for _, name := range []string{"TACENDA_VAULT", "TACENDA_PROJECT", "TACENDA_IDENTITY", "TACENDA_PASSPHRASE_FILE", "TACENDA_OWNER"} {
		given = append(given, a.sys.Getenv(name))
	}
	for _, text := range given {
		instead := repeated(text)
		if instead == text {
			continue
		}
		forms := []string{strconv.Quote(text), strconv.QuoteToGraphic(text), text, strings.TrimSpace(text)}
		if start := []rune(text); len(start) > quotedStart { // what the vault repeats of a name that it refuses
			forms = append(forms, strconv.QuoteToGraphic(string(start[:quotedStart])+"…"))
		}
		for _, quoted := range forms[:2] { // also within longer quoted text
			forms = append(forms, quoted[1:len(quoted)-1])
		}
		for _, form := range forms {
			message = strings.ReplaceAll(message, form, instead)
		}
		for _, line := range strings.FieldsFunc(text, unicode.IsControl) { // an option may take the first only
			if len(line) >= shortestHidden {
				message = strings.ReplaceAll(message, line, "…")
			}
		}
	}
	if i := strings.Index(message, pemHead); i >= 0 {
		message = message[:i] + "…" // a key runs over lines: there is no telling where it ends
	}
	if i := strings.Index(strings.ToUpper(message), ageSecret); i >= 0 {
		message = message[:i] + "…"
	}
	return message
}

// refuseKeys refuses a private key given in place of what an option wants.
func refuseKeys(option, text string) error {
	if !privateKey(text) {
		return nil
	}
	err := usagef("%s: %s", option, repeated(text))
	if option == "--identity" {
		return hinted(err, "--identity and TACENDA_IDENTITY take the path of a file, not the key itself; - reads standard input")
	}
	return hinted(err, "private keys are never arguments: keep them in a file for --identity")
}

// missingInput is the error for a file that holds a value or a passphrase and
// cannot be opened: the name may be what the file was to hold.
func missingInput(option, path, what string, err error) error {
	if pathLike(path) || isStdin(path) {
		return fmt.Errorf("%s: %w", option, err)
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		err = cause // the system's word, without the path around it
	}
	return hinted(fmt.Errorf("%s: opening the file: %w", option, err),
		fmt.Sprintf("%s takes the path of a file, not the %s itself; - reads standard input", option, what))
}

// checkSecretName is vault.CheckSecretName for an argument. Of NAME=VALUE it
// repeats what is surely a name.
func checkSecretName(name string) error {
	before, _, assigned := strings.Cut(name, "=")
	err := vault.CheckSecretName(name)
	switch {
	case err == nil:
		return nil
	case assigned:
		if vault.CheckSecretName(before) != nil {
			before = "NAME"
		}
		return hinted(usagef("%s=… is no name: a value is never an argument", before),
			"use --value-file FILE (- for standard input), --generate or the prompt")
	case repeated(name) != name:
		return usagef("invalid secret name: %s", strings.TrimSuffix(repeated(name), " that is no path"))
	}
	if upper := strings.ToUpper(name); vault.CheckSecretName(upper) == nil {
		return hinted(err, "did you mean "+upper+"?")
	}
	return err
}

func checkSecretNames(names []string) error {
	for _, name := range names {
		if err := checkSecretName(name); err != nil {
			return err
		}
	}
	return nil
}

// flagText says what is wrong with an option. What the user wrote is repeated
// only where it is a name: -p and a pasted key are one word.
func flagText(err error) string {
	var unknown *pflag.NotExistError
	var syntax *pflag.InvalidSyntaxError
	var value *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return "unknown shorthand flag: " + strconv.Quote(unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		return "unknown flag: --" + repeated(unknown.GetSpecifiedName())
	case errors.As(err, &syntax):
		return "malformed flag: " + repeated(syntax.GetSpecifiedFlag())
	case errors.As(err, &value):
		text := fmt.Sprintf("--%s: not a %s", value.GetFlag().Name, value.GetFlag().Value.Type())
		switch value.GetFlag().Value.Type() {
		case "bool":
			text = fmt.Sprintf("--%s: it stands alone, or with =true or =false", value.GetFlag().Name)
		case "int":
			text = fmt.Sprintf("--%s: not a whole number", value.GetFlag().Name)
		case "duration":
			text = fmt.Sprintf("--%s: not a length of time such as 5s or 2m", value.GetFlag().Name)
		}
		return text
	}
	return err.Error()
}
