// Package invisible finds the characters that a reader does not see: two texts that differ only in them look alike.
package invisible

import (
	"unicode"
	"unicode/utf8"
)

// Is reports whether a character leaves no mark of its own: a space, a control or format character, one that renderers ignore by
// default, or a blank. Characters that are not assigned count as visible, since newer fonts may have them. The Arabic sign of a
// number and its like are format characters, too, but are seen.
func Is(c rune) bool {
	return unicode.In(c, unicode.White_Space, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point,
		unicode.Variation_Selector, unicode.Noncharacter_Code_Point, blanks) && !unicode.Is(unicode.Prepended_Concatenation_Mark, c)
}

// Joins reports whether an invisible character changes how the character before it looks: writing systems such as Persian and
// Devanagari need joiners, and emoji joiners, variation selectors and tags. Letters of European alphabets do not change. After another
// invisible character, only a joiner after a variation selector does something, and a tag after a tag.
func Joins(before, c rune) bool {
	isJoiner, isTag, isSelector := joiner(c), tag(c), unicode.Is(unicode.Variation_Selector, c)
	switch {
	case !isJoiner && !isTag && !isSelector:
		return false
	case Is(before):
		return isJoiner && unicode.Is(unicode.Variation_Selector, before) || isTag && tag(before)
	}
	return before >= utf8.RuneSelf && !unicode.In(before, unicode.Latin, unicode.Greek, unicode.Cyrillic)
}

func joiner(c rune) bool { return c == '\u200c' || c == '\u200d' }

func tag(c rune) bool { return '\U000e0020' <= c && c <= '\U000e007f' }

// blanks are symbols and letters without a shape.
var blanks = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}}, // Braille
	R32: []unicode.Range32{
		{Lo: 0x13441, Hi: 0x13442, Stride: 1}, // Egyptian
		{Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1}, // Khitan
		{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}, // null notehead
	},
}
