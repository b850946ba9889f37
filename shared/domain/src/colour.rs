//! Colours, as far as a firm chooses one for its pages: read, mixed, and told apart by their contrast.
//!
//! The contrast is that of WCAG 2, counted in millionths of light: no floating point, so that a colour is as
//! good on every machine as on that on which it was accepted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What text needs against its ground, in tenths (WCAG AA).
pub const TEXT_CONTRAST: u64 = 45;

/// Stands for the whole light of white.
const WHITE_LIGHT: u64 = 1_000_000;

/// What WCAG adds to both sides, for the light of the room: 0.05.
const ROOM_LIGHT: u64 = WHITE_LIGHT / 20;

/// Into how many parts a mixture is divided.
pub const PARTS: u32 = 64;

/// A colour of a screen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

/// Not a colour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no colour, expected # and six hexadecimal digits, such as #1f5b6e")]
pub struct ColourError(String);

impl Colour {
    /// White.
    pub const WHITE: Self = Self::new(255, 255, 255);
    /// Black.
    pub const BLACK: Self = Self::new(0, 0, 0);

    /// Of its parts.
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// Its parts: red, green, blue.
    pub const fn channels(self) -> (u8, u8, u8) {
        (self.red, self.green, self.blue)
    }

    /// How much light it gives, in millionths of that of white.
    fn light(self) -> u64 {
        let part = |value: u8, weight: u64| u64::from(LIGHT[usize::from(value)]) * weight;
        let sum = part(self.red, 2126) + part(self.green, 7152) + part(self.blue, 722);
        sum / 10_000
    }

    /// Whether the two can be told apart by that contrast, in tenths: 45 is 4.5 to 1.
    pub fn contrasts(self, other: Self, tenths: u64) -> bool {
        let (a, b) = (self.light() + ROOM_LIGHT, other.light() + ROOM_LIGHT);
        a.min(b) * tenths <= a.max(b) * 10
    }

    /// With so many of [`PARTS`] parts of another one.
    #[must_use]
    pub fn with(self, other: Self, parts: u32) -> Self {
        let parts = parts.min(PARTS);
        let mixed = |own: u8, other: u8| {
            let sum = u32::from(own) * (PARTS - parts) + u32::from(other) * parts;
            // A mean of two bytes is one.
            u8::try_from((sum + PARTS / 2) / PARTS).unwrap_or(u8::MAX)
        };
        Self::new(
            mixed(self.red, other.red),
            mixed(self.green, other.green),
            mixed(self.blue, other.blue),
        )
    }
}

impl FromStr for Colour {
    type Err = ColourError;

    fn from_str(text: &str) -> Result<Self, ColourError> {
        let error = || ColourError(text.chars().take(20).collect());
        let digits = text.trim().strip_prefix('#').ok_or_else(error)?;
        let is_hex = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex {
            return Err(error());
        }
        let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| error());
        Ok(Self::new(part(0)?, part(2)?, part(4)?))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl fmt::Debug for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Colour {
    type Error = ColourError;

    fn try_from(text: String) -> Result<Self, ColourError> {
        text.parse()
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        colour.to_string()
    }
}

/// The light of each value of one part, in millionths: the curve of sRGB, `((v + 0.055) / 1.055)^2.4` above
/// 0.04045 and `v / 12.92` below.
#[rustfmt::skip]
const LIGHT: [u32; 256] = [
    0, 304, 607, 911, 1_214, 1_518, 1_821, 2_125, 2_428, 2_732, 3_035, 3_347, 3_677, 4_025, 4_391,
    4_777, 5_182, 5_605, 6_049, 6_512, 6_995, 7_499, 8_023, 8_568, 9_134, 9_721, 10_330, 10_960,
    11_612, 12_286, 12_983, 13_702, 14_444, 15_209, 15_996, 16_807, 17_642, 18_500, 19_382, 20_289,
    21_219, 22_174, 23_153, 24_158, 25_187, 26_241, 27_321, 28_426, 29_557, 30_713, 31_896, 33_105,
    34_340, 35_601, 36_889, 38_204, 39_546, 40_915, 42_311, 43_735, 45_186, 46_665, 48_172, 49_707,
    51_269, 52_861, 54_480, 56_128, 57_805, 59_511, 61_246, 63_010, 64_803, 66_626, 68_478, 70_360,
    72_272, 74_214, 76_185, 78_187, 80_220, 82_283, 84_376, 86_500, 88_656, 90_842, 93_059, 95_307,
    97_587, 99_899, 102_242, 104_616, 107_023, 109_462, 111_932, 114_435, 116_971, 119_538, 122_139,
    124_772, 127_438, 130_136, 132_868, 135_633, 138_432, 141_263, 144_128, 147_027, 149_960,
    152_926, 155_926, 158_961, 162_029, 165_132, 168_269, 171_441, 174_647, 177_888, 181_164,
    184_475, 187_821, 191_202, 194_618, 198_069, 201_556, 205_079, 208_637, 212_231, 215_861,
    219_526, 223_228, 226_966, 230_740, 234_551, 238_398, 242_281, 246_201, 250_158, 254_152,
    258_183, 262_251, 266_356, 270_498, 274_677, 278_894, 283_149, 287_441, 291_771, 296_138,
    300_544, 304_987, 309_469, 313_989, 318_547, 323_143, 327_778, 332_452, 337_164, 341_914,
    346_704, 351_533, 356_400, 361_307, 366_253, 371_238, 376_262, 381_326, 386_429, 391_572,
    396_755, 401_978, 407_240, 412_543, 417_885, 423_268, 428_690, 434_154, 439_657, 445_201,
    450_786, 456_411, 462_077, 467_784, 473_531, 479_320, 485_150, 491_021, 496_933, 502_886,
    508_881, 514_918, 520_996, 527_115, 533_276, 539_479, 545_724, 552_011, 558_340, 564_712,
    571_125, 577_580, 584_078, 590_619, 597_202, 603_827, 610_496, 617_207, 623_960, 630_757,
    637_597, 644_480, 651_406, 658_375, 665_387, 672_443, 679_542, 686_685, 693_872, 701_102,
    708_376, 715_694, 723_055, 730_461, 737_910, 745_404, 752_942, 760_525, 768_151, 775_822,
    783_538, 791_298, 799_103, 806_952, 814_847, 822_786, 830_770, 838_799, 846_873, 854_993,
    863_157, 871_367, 879_622, 887_923, 896_269, 904_661, 913_099, 921_582, 930_111, 938_686,
    947_307, 955_973, 964_686, 973_445, 982_251, 991_102, 1_000_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        text.parse().unwrap()
    }

    #[test]
    fn a_colour_is_six_digits() {
        for (text, expected) in
            [("#1f5b6e", "#1f5b6e"), ("#FFAA00", "#ffaa00"), (" #000000 ", "#000000")]
        {
            assert_eq!(colour(text).to_string(), expected);
        }
        for text in ["", "#", "1f5b6e", "#1f5b6", "#1f5b6e0", "#1f5b6g", "#fff", "red", "#+1f5b6"] {
            assert_eq!(text.parse::<Colour>(), Err(ColourError(text.to_owned())));
        }
        let long = "#".repeat(1_000).parse::<Colour>().unwrap_err();
        assert!(long.to_string().len() < 120, "{long}");
    }

    #[test]
    fn contrasts_are_those_that_wcag_counts() {
        // From its own examples and the usual checkers, at the edges of 4.5 and 3.
        for (one, other, tenths, expected) in [
            ("#000000", "#ffffff", 210, true),
            ("#777777", "#ffffff", 45, false), // 4.48
            ("#767676", "#ffffff", 45, true),  // 4.54
            ("#949494", "#ffffff", 30, true),  // 3.03
            ("#959595", "#ffffff", 30, false), // 2.99
            ("#ff0000", "#ffffff", 45, false), // 4.00
            ("#0000ff", "#ffffff", 45, true),  // 8.59
            ("#ffff00", "#ffffff", 11, false), // 1.07
            ("#123456", "#123456", 10, true),
        ] {
            let (a, b) = (colour(one), colour(other));
            assert_eq!(a.contrasts(b, tenths), expected, "{one} on {other}");
            assert_eq!(b.contrasts(a, tenths), expected, "{other} on {one}");
        }
    }

    #[test]
    fn a_mixture_lies_between_its_parts() {
        let (red, blue) = (colour("#ff0000"), colour("#0000ff"));
        for (parts, expected) in [(0, "#ff0000"), (32, "#800080"), (64, "#0000ff"), (99, "#0000ff")]
        {
            assert_eq!(red.with(blue, parts).to_string(), expected);
        }
    }
}
