//! A portal's accent: `#rrggbb` of its settings becomes a hue and a chroma; the stylesheet keeps the lightness, so that contrast always holds.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::call::Page;
use crate::error::Answer;

/// More would glow; every hue can be shown with this much.
const MOST_CHROMA: f64 = 0.15;

/// `/portal/{portal}/theme.css`.
pub async fn stylesheet(Page(call): Page) -> Answer<Response> {
    let settings = call.state.portals().get(&call.portal());
    let accent = settings.as_ref().and_then(|portal| portal.settings.pointer("/branding/accent")).and_then(Value::as_str);
    let css = sheet(accent.unwrap_or("#3b5bdb"));
    let mut response = css.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    Ok(response)
}

/// The stylesheet of an accent.
pub fn sheet(accent: &str) -> String {
    let (chroma, hue) = oklch(accent).unwrap_or((0.13, 262.0));
    format!(":root{{--accent-h:{hue:.1};--accent-c:{:.3}}}\n", chroma.min(MOST_CHROMA))
}

/// Chroma and hue of `#rrggbb` in OKLCH (Björn Ottosson's matrices).
fn oklch(hex: &str) -> Option<(f64, f64)> {
    let digits = hex.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let channel = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok().map(|value| linear(f64::from(value) / 255.0));
    let (r, g, b) = (channel(0)?, channel(2)?, channel(4)?);
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    let a = 1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s;
    let b = 0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s;
    let chroma = a.hypot(b);
    let hue = if chroma < 0.005 { 75.0 } else { b.atan2(a).to_degrees().rem_euclid(360.0) };
    Some((chroma, hue))
}

fn linear(value: f64) -> f64 {
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of an OKLCH colour, channels cut to what a screen can show.
    fn luminance(l: f64, c: f64, h: f64) -> f64 {
        let (a, b) = (c * h.to_radians().cos(), c * h.to_radians().sin());
        let l_ = (l + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
        let m_ = (l - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
        let s_ = (l - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
        let r = 4.076_741_662_1 * l_ - 3.307_711_591_3 * m_ + 0.230_969_929_2 * s_;
        let g = -1.268_438_004_6 * l_ + 2.609_757_401_1 * m_ - 0.341_319_396_5 * s_;
        let b = -0.004_196_086_3 * l_ - 0.703_418_614_7 * m_ + 1.707_614_701_0 * s_;
        0.2126 * r.clamp(0.0, 1.0) + 0.7152 * g.clamp(0.0, 1.0) + 0.0722 * b.clamp(0.0, 1.0)
    }

    fn contrast(a: f64, b: f64) -> f64 {
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_accent_keeps_readable_buttons_and_links_in_both_themes() {
        for hue in (0..360).step_by(5).map(f64::from) {
            for chroma in [0.02, 0.08, MOST_CHROMA] {
                let light = contrast(luminance(0.5, chroma, hue), luminance(0.99, 0.01, hue));
                let dark = contrast(luminance(0.76, chroma * 0.85, hue), luminance(0.19, chroma * 0.4, hue));
                let link = contrast(luminance(0.46, chroma, hue), luminance(0.935, chroma * 0.26, hue));
                let dark_link = contrast(luminance(0.8, chroma * 0.75, hue), luminance(0.3, chroma * 0.38, hue));
                for (what, ratio) in [("light", light), ("dark", dark), ("link", link), ("dark link", dark_link)] {
                    assert!(ratio >= 4.5, "{what} at hue {hue}, chroma {chroma}: {ratio:.2}");
                }
            }
        }
    }

    #[test]
    fn a_colour_keeps_its_hue_and_nonsense_falls_back() {
        assert!(sheet("#ff0000").contains("--accent-h:29.2"));
        assert!(sheet("#0000ff").contains("--accent-h:264.1"));
        assert_eq!(sheet("red"), sheet("#12"));
    }
}
