package cli

import (
	"slices"
	"strings"
)

// steering are variables that make a loader, a shell or an interpreter run code,
// or something else than was meant, before the command does anything of its own,
// and those by which clients of TLS are made to trust anybody, or to tell its keys.
// Whoever manages a project names its secrets, and may not be trusted with their
// values: under one of these names a value of theirs would reach all the others.
// Sources: ld.so(8), dyld(1), bash(1), git(1), openssl-env(7), curl(1), and the manuals
// of the interpreters.
var steering = []string{
	"BASHOPTS", "BASH_ENV", "BROWSER", "CDPATH", "CLASSPATH", "COMSPEC", "CORECLR_PROFILER", "CORECLR_PROFILER_PATH", "COR_PROFILER", "COR_PROFILER_PATH", "CURL_CA_BUNDLE", "CURL_HOME",
	"DOTNET_STARTUP_HOOKS", "EDITOR", "ELIXIR_ERL_OPTIONS", "ENV", "ERL_AFLAGS", "ERL_FLAGS", "ERL_ZFLAGS", "EXINIT", "GCONV_PATH", "GIO_EXTRA_MODULES", "GIT_ASKPASS", "GIT_DIR", "GIT_EDITOR",
	"GIT_EXEC_PATH", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_PROXY_COMMAND", "GIT_SEQUENCE_EDITOR", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_SSL_NO_VERIFY", "GIT_TEMPLATE_DIR",
	"GLIBC_TUNABLES", "GNUPGHOME", "GOFLAGS", "GRADLE_OPTS", "GTK_MODULES", "HOME", "IFS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "LESSCLOSE", "LESSOPEN", "LUA_CPATH", "LUA_INIT",
	"LUA_PATH", "MAKEFLAGS", "MANPAGER", "MAVEN_OPTS", "NODE_EXTRA_CA_CERTS", "NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE", "NODE_TLS_REJECT_UNAUTHORIZED",
	"NPM_CONFIG_NODE_OPTIONS", "NPM_CONFIG_SCRIPT_SHELL", "NPM_CONFIG_USERCONFIG", "OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES", "PAGER", "PATH", "PATHEXT", "PERL5DB", "PERL5LIB",
	"PERL5OPT", "PERLLIB", "PHPRC", "PHP_INI_SCAN_DIR", "PROMPT_COMMAND", "PS0", "PS1", "PS2", "PS4", "PSMODULEPATH", "PYTHONBREAKPOINT", "PYTHONEXECUTABLE", "PYTHONHOME", "PYTHONHTTPSVERIFY",
	"PYTHONINSPECT", "PYTHONPATH", "PYTHONPLATLIBDIR", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONWARNINGS", "QT_PLUGIN_PATH", "REQUESTS_CA_BUNDLE", "RUBYLIB", "RUBYOPT", "RUSTC",
	"RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "SHELL", "SHELLOPTS", "SSH_ASKPASS", "SSLKEYLOGFILE", "SSL_CERT_DIR", "SSL_CERT_FILE", "VIMINIT", "VISUAL", "XDG_CONFIG_HOME", "ZDOTDIR",
	"_JAVA_OPTIONS",
}

// steeringFamilies are beginnings of such names.
var steeringFamilies = []string{"LD_", "DYLD_", "BASH_FUNC_", "GIT_CONFIG"}

func steers(name string) bool {
	return slices.Contains(steering, name) || slices.ContainsFunc(steeringFamilies, func(f string) bool { return strings.HasPrefix(name, f) })
}

// harmless are all secrets of the project, but for those that somebody must have
// asked for by name.
func (r *runner) harmless() []string {
	var given, kept []string
	for _, name := range r.have {
		if steers(name) {
			kept = append(kept, name)
		} else {
			given = append(given, name)
		}
	}
	if kept != nil {
		r.a.warn("not passed on, as they decide what programs run or trust: " + strings.Join(kept, ", ") + "; name them with --only if that is meant")
	}
	return given
}
