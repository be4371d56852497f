package fsm

import (
	"math"

	"redoubt/resp"
)

type timeUnit uint8

const (
	unitSeconds timeUnit = iota
	unitMillis
)

// stringOptions are the options of SET and GETEX.
type stringOptions struct {
	nx, xx, get, keepTTL, persist bool
	// expire is the argument of EX, PX, EXAT or PXAT; nil: none was given.
	expire   []byte
	unit     timeUnit
	absolute bool // EXAT, PXAT
}

// Which options a command takes besides EX, PX, EXAT and PXAT.
type optionSet bool

const (
	setOptions   optionSet = false // NX, XX, GET, KEEPTTL
	getExOptions optionSet = true  // PERSIST
)

// parseStringOptions reads the options of SET or GETEX. Like Redis it allows
// an option to be repeated: the last one counts. Its only errors are of syntax;
// the expiry is looked at by expiry.
func parseStringOptions(args [][]byte, set optionSet) (o stringOptions, ok bool) {
	expireWord := "" // the one of EX, PX, EXAT, PXAT that was given
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case set == setOptions && optionIs(arg, "NX") && !o.xx:
			o.nx = true
		case set == setOptions && optionIs(arg, "XX") && !o.nx:
			o.xx = true
		case set == setOptions && optionIs(arg, "GET"):
			o.get = true
		case set == setOptions && optionIs(arg, "KEEPTTL") && o.expire == nil:
			o.keepTTL = true
		case set == getExOptions && optionIs(arg, "PERSIST") && o.expire == nil:
			o.persist = true
		default:
			word := expireOption(arg)
			if word == "" || expireWord != "" && expireWord != word ||
				o.keepTTL || o.persist || i+1 == len(args) {
				return o, false
			}
			i++
			expireWord, o.expire = word, args[i]
		}
	}
	o.absolute = expireWord == "EXAT" || expireWord == "PXAT"
	if expireWord == "PX" || expireWord == "PXAT" {
		o.unit = unitMillis
	}
	return o, true
}

func expireOption(arg []byte) string {
	for _, word := range []string{"EX", "PX", "EXAT", "PXAT"} {
		if optionIs(arg, word) {
			return word
		}
	}
	return ""
}

// expiry computes when the key will expire, in ms of log time; 0 when no
// expiry was given. When ok is false an error has been replied.
func (c *call) expiry(o stringOptions) (atMs int64, ok bool) {
	if o.expire == nil {
		return 0, true
	}
	at, ok := parseInt(o.expire)
	if !ok {
		c.err(resp.ErrNotInteger)
		return 0, false
	}
	const maxSeconds = math.MaxInt64 / 1000
	if at <= 0 || o.unit == unitSeconds && at > maxSeconds {
		c.err(resp.InvalidExpire(c.spec.Name))
		return 0, false
	}
	if o.unit == unitSeconds {
		at *= 1000
	}
	if o.absolute {
		return at, true
	}
	if at > math.MaxInt64-c.now {
		c.err(resp.InvalidExpire(c.spec.Name))
		return 0, false
	}
	return at + c.now, true
}
