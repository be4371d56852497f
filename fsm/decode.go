package fsm

// DecodeEntry returns the commands of an entry and its time; they point into the
// entry. It is for those who look at a log; a Store decodes as it goes.
func DecodeEntry(entry []byte, databases int) (timeMs int64, commands []Command, err error) {
	var r entryReader
	if err := r.reset(entry, databases); err != nil {
		return 0, nil, err
	}
	for {
		var c Command
		more, err := r.next(&c)
		if !more {
			return r.timeMs, commands, err
		}
		commands = append(commands, c)
	}
}
