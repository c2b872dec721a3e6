package phrase

import "strings"

// Read takes words apart by the text's English form: it is the text with the
// arguments that the words have in the places of %s. Words of another form are
// not ok. So what is kept in English, as data, can be said in any language.
func (t Text) Read(words string) (read Text, ok bool) {
	literals := strings.Split(t.format, "%s")
	rest, ok := strings.CutPrefix(words, literals[0])
	if !ok || t.literal {
		return Text{}, false
	}
	read.format = t.format
	for i, literal := range literals[1:] {
		end := strings.Index(rest, literal)
		if i == len(literals)-2 { // the last argument takes all that it can
			end = len(rest) - len(literal)
		}
		if end <= 0 || rest[end:end+len(literal)] != literal {
			return Text{}, false
		}
		read.args = append(read.args, rest[:end])
		rest = rest[end+len(literal):]
	}
	return read, rest == ""
}

// ReadAny is Read by the first text whose form the words have; words of no form
// are Plain.
func ReadAny(words string, forms ...Text) Text {
	for _, f := range forms {
		if read, ok := f.Read(words); ok {
			return read
		}
	}
	return Plain(words)
}
