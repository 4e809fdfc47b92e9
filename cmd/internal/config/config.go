package config

import "time"

// Config is a valid configuration: every field has its value, be it the default. The JSON names are the names of the keys, whose
// meaning Keys describes. Sizes are in bytes, 0 means off where the key allows it, and a nil pointer means not set. A Config does
// not change, so any goroutine may read it.
type Config struct {
	Sockets        []Address `json:"socket"`
	MetricsSockets []Address `json:"metrics-socket"`
	Health         []Address `json:"health"`
	Stats          []Address `json:"stats"`
	StatsHTTP      bool      `json:"stats-http"`
	ReusePort      bool      `json:"reuse-port"`
	Listen         int       `json:"listen"` // 0: as long as the kernel allows
	ChmodSocket    *uint32   `json:"chmod-socket"`
	TLSCert        string    `json:"tls-cert"` // both or neither
	TLSKey         string    `json:"tls-key"`

	Master    bool   `json:"master"`
	Processes int    `json:"processes"`
	Threads   int    `json:"threads"` // GOMAXPROCS of a worker
	MinReady  int    `json:"min-ready"`
	Command   string `json:"command"` // empty: this program's own worker
	Notify    bool   `json:"notify"`

	MetricsDir       string `json:"metrics-dir"` // absolute; empty: not set
	MetricsPath      string `json:"metrics-path"`
	MetricsTokenFile string `json:"metrics-token-file"`
	MetricsAuthFile  string `json:"metrics-auth-file"` // only with MetricsSockets, and without MetricsTokenFile
	MetricsMaxSeries int    `json:"metrics-max-series"`

	Database            string        `json:"database"`             // absolute path; empty: none
	DatabaseSynchronous string        `json:"database-synchronous"` // "full" or "normal"
	DatabaseTimeout     time.Duration `json:"database-timeout"`
	Migrate             bool          `json:"migrate"`

	Chdir          string     `json:"chdir"` // absolute, like all paths; empty: stay
	Pidfile        string     `json:"pidfile"`
	Logto          string     `json:"logto"`
	Control        string     `json:"control"` // path of a unix socket; empty: none
	Vacuum         bool       `json:"vacuum"`
	Umask          *uint32    `json:"umask"`
	UID            *int       `json:"uid"`
	GID            *int       `json:"gid"`
	UserName       string     `json:"user-name"` // of uid, for its supplementary groups; empty for a number with a gid
	Env            []Variable `json:"env"`       // in order, without duplicate names
	Unenv          []string   `json:"unenv"`
	TouchReload    []string   `json:"touch-reload"`
	FSReload       []string   `json:"fs-reload"`
	LogFormat      string     `json:"log-format"` // "text" or "json"
	DisableLogging bool       `json:"disable-logging"`
	ProcnamePrefix string     `json:"procname-prefix"`
	Strict         bool       `json:"strict"`

	MaxConnections int           `json:"max-connections"` // of one worker
	BufferSize     int64         `json:"buffer-size"`     // bytes
	LimitPost      int64         `json:"limit-post"`      // bytes; 0: no limit
	HTTPTimeout    time.Duration `json:"http-timeout"`
	SocketTimeout  time.Duration `json:"socket-timeout"`
	AllowedHosts   []string      `json:"allowed-hosts"`   // empty: all
	TrustedProxies []Proxy       `json:"trusted-proxies"` // empty: none
	HSTS           string        `json:"hsts"`            // as "31536000, includeSubDomains"; empty: none
	Debug          bool          `json:"debug"`

	Harakiri                time.Duration `json:"harakiri"` // 0: off
	HarakiriGracefulTimeout time.Duration `json:"harakiri-graceful-timeout"`
	MaxRequests             int           `json:"max-requests"` // 0: no limit
	MaxRequestsDelta        int           `json:"max-requests-delta"`
	MaxWorkerLifetime       time.Duration `json:"max-worker-lifetime"` // 0: no limit
	MaxWorkerLifetimeDelta  time.Duration `json:"max-worker-lifetime-delta"`
	ReloadOnRSS             int64         `json:"reload-on-rss"` // bytes; 0: no limit
	WorkerReloadMercy       time.Duration `json:"worker-reload-mercy"`
	StopMercy               time.Duration `json:"stop-mercy"`
	DrainIdle               time.Duration `json:"drain-idle"`
	StartTimeout            time.Duration `json:"start-timeout"`
	HeartbeatTimeout        time.Duration `json:"heartbeat-timeout"` // 0: off
	ShutdownDelay           time.Duration `json:"shutdown-delay"`
}
