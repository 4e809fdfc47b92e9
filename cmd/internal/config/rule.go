package config

import (
	"fmt"
	"strings"
)

// verdict returns the row of a key of uWSGI's with this value, and whether there is one.
func (t *table) verdict(key, value string) (UWSGIKey, bool) {
	row, ok := t.theirs(key)
	if !ok {
		return row, false
	}
	switch action, isRoute := routeAction(key, value); {
	case row.alone && isFalse(value):
		row.Refused, row.Reason = false, "it is off"
	case isRoute:
		if name, _, _ := strings.Cut(action, ":"); !matches(harmlessActions, name) {
			row.Refused = true
			if name == "" {
				row.Reason = "it has no action: delete it"
				break
			}
			row.Reason = fmt.Sprintf("%s can keep requests from the program: let a proxy in front do that, or the program itself", quoted(name))
		}
	case key == "protocol" || key == "socket-protocol":
		switch strings.ToLower(value) {
		case "http", "http11", "uwsgi": // the last is the default, which is noted at socket
		case "https":
			return t.theirs("https-socket")
		default:
			return t.theirs("raw-socket")
		}
	case strings.HasPrefix(key, "hook-"):
		switch name, argument, _ := strings.Cut(strings.TrimSpace(value), ":"); name {
		case "mount", "umount":
			return t.theirs("mount-asap")
		case "unix_signal":
			row.Reason = signalReason(argument)
		}
	}
	return row, true
}

// isFalse reports whether a value switches a key off.
func isFalse(value string) bool {
	on, err := parseBool(value)
	return err == nil && !on
}

// harmlessActions are the actions of uWSGI's routes that leave access to the program as it is: requests that they answer from
// elsewhere, change or count. A name that ends in * stands for all actions with that prefix.
const harmlessActions = "addheader addvar alarm cache* cgi cgihelper chdir chunked clearheaders continue delheader " +
	"disableheaders donotlog donotoffload expires fastfile* file* fixcl fixpathinfo flush forcecl goto gridfs gzip " +
	"harakiri hash http httpconnect httpdumb last log logvar memcached* metric* offload proxyhttp proxyhttpconnect " +
	"proxyuwsgi redis* remheader resetheaders rewrite rewrite-last send sendfile* send-crnl setapp setdocroot setfile sethome " +
	"setmethod setmodifier1 setmodifier2 setpathinfo setprocname setremoteaddr setscheme setscriptname seturi setuser " +
	"signal ssi static* template to-file tofile toupper toxslt uwsgi xmldir xslt"

// matches reports whether a name is in a list of names, of which some end in * and stand for a prefix.
func matches(list, name string) bool {
	for pattern := range strings.FieldsSeq(list) {
		if prefix, some := strings.CutSuffix(pattern, "*"); pattern == name || some && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// routeAction returns the action of one of uWSGI's routes: the value of route-run, and the text after the first space of the
// others. Labels have none.
func routeAction(key, value string) (action string, ok bool) {
	for _, phase := range []string{"error-", "response-", "final-"} {
		key = strings.TrimPrefix(key, phase)
	}
	switch {
	case key != "route" && !strings.HasPrefix(key, "route-"), key == "route-label":
		return "", false
	case key != "route-run":
		_, value, _ = strings.Cut(strings.TrimSpace(value), " ")
	}
	return strings.TrimSpace(value), true
}

// signalReason returns the reason to ignore a hook that gives a signal another effect. The argument is a number and a function of
// uWSGI's.
func signalReason(argument string) string {
	number, function, _ := strings.Cut(argument, " ")
	name := map[string]string{"3": "SIGQUIT", "15": "SIGTERM"}[number]
	if name == "" || strings.TrimSpace(function) != "gracefully_kill_them_all" {
		return "signals have fixed effects: SIGTERM stops gracefully, SIGHUP reloads, SIGUSR1 reopens the log"
	}
	return name + " always stops gracefully"
}
