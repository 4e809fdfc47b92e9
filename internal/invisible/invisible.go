// Package invisible finds the characters that a reader does not see: two texts that differ only in them look alike.
package invisible

import "unicode"

// Is reports whether a character leaves no mark of its own: a space, a control or format character, one that renderers ignore by
// default, or a blank. Characters that are not assigned count as visible, since newer fonts may have them.
func Is(c rune) bool {
	return unicode.In(c, unicode.White_Space, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point,
		unicode.Variation_Selector, unicode.Noncharacter_Code_Point, blanks)
}

// Joins reports whether an invisible character changes how its neighbours look: writing systems such as Persian and Devanagari
// need joiners, and emoji joiners, variation selectors and tags.
func Joins(c rune) bool {
	const nonJoiner, joiner, firstTag, lastTag = '\u200c', '\u200d', '\U000e0020', '\U000e007f'
	return c == nonJoiner || c == joiner || firstTag <= c && c <= lastTag || unicode.Is(unicode.Variation_Selector, c)
}

// blanks are symbols and letters without a shape.
var blanks = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}}, // Braille
	R32: []unicode.Range32{
		{Lo: 0x13441, Hi: 0x13442, Stride: 1}, // Egyptian
		{Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1}, // Khitan
		{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}, // null notehead
	},
}
