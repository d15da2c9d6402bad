//! The human check: challenges, their picture and sound, and spending them.

use portico_chassis::deadline::Deadline;
use portico_chassis::error::Error;
use portico_chassis::ids::PortalId;

use super::{App, Ask};
use crate::domain::captcha::{Answer, Challenge, Purpose, Verdict};
use crate::store;

/// Size of the picture.
const WIDTH: u32 = 280;
const HEIGHT: u32 = 120;
/// Bytes before the samples of a WAV file of one `fmt` and one `data` chunk.
const WAV_HEADER: usize = 44;
/// Silence between two letters, in bytes of 16-bit samples at 22,050 Hz: 0.4 s.
const SILENCE: usize = 17_640;

fn wrong() -> Error {
    Error::invalid("captcha", "invalid", "Please answer the challenge once more.")
}

impl App {
    /// A new challenge and its token.
    pub async fn issue_captcha(&self, portal: &PortalId, purpose: Purpose, deadline: Deadline) -> Result<(Challenge, String), Error> {
        self.find_portal(portal, deadline).await?;
        let challenge = Challenge::new(purpose, self.random.bytes(), self.clock.now());
        let token = challenge.token(&self.secrets, portal.as_str());
        Ok((challenge, token))
    }

    /// A challenge of this portal that may still be answered.
    fn open_challenge(&self, portal: &PortalId, token: &str) -> Result<Challenge, Error> {
        let challenge = Challenge::read(&self.secrets, portal.as_str(), token).ok_or_else(wrong)?;
        if self.clock.now() < challenge.expires_at { Ok(challenge) } else { Err(wrong()) }
    }

    /// The code as a picture.
    pub async fn captcha_image(&self, portal: &PortalId, token: &str) -> Result<Vec<u8>, Error> {
        let code = self.open_challenge(portal, token)?.code(&self.secrets, portal.as_str());
        tokio::task::spawn_blocking(move || picture(&code)).await.map_err(Error::internal)?
    }

    /// The code as a sound.
    pub async fn captcha_audio(&self, portal: &PortalId, token: &str) -> Result<Vec<u8>, Error> {
        let code = self.open_challenge(portal, token)?.code(&self.secrets, portal.as_str());
        tokio::task::spawn_blocking(move || sound(&code)).await.map_err(Error::internal)?
    }

    /// Spends a challenge for a request. The same request may come again, also after the challenge expired.
    pub async fn spend_captcha(&self, ask: &Ask, purpose: Purpose, token: &str, answer: &Answer) -> Result<Challenge, Error> {
        let portal = &ask.portal;
        let challenge = Challenge::read(&self.secrets, portal.as_str(), token).filter(|challenge| challenge.purpose == purpose);
        let challenge = challenge.ok_or_else(wrong)?;
        let request = format!("{}:{}", ask.request.operation, ask.request.key);
        let mut conn = self.db.read(portal, ask.deadline).await?;
        if let Some(holder) = store::captcha::spent_by(&mut conn, portal, &challenge.nonce).await? {
            return if holder == request { Ok(challenge) } else { Err(wrong()) };
        }
        let now = self.clock.now();
        if now >= challenge.expires_at {
            return Err(wrong());
        }
        match challenge.judge(&self.secrets, portal.as_str(), answer) {
            Verdict::Wrong => return Err(wrong()),
            Verdict::Burnt => {
                store::captcha::spend(&mut conn, portal, &challenge.nonce, "", now).await?;
                return Err(wrong());
            }
            Verdict::Right => {}
        }
        let spent = store::captcha::spend(&mut conn, portal, &challenge.nonce, &request, now).await?;
        if spent { Ok(challenge) } else { Err(wrong()) }
    }

    /// A challenge that is not over yet, whether it was spent or not; spends nothing.
    pub fn inspect_captcha(&self, portal: &PortalId, purpose: Purpose, token: &str) -> Result<Challenge, Error> {
        let challenge = self.open_challenge(portal, token)?;
        if challenge.purpose != purpose {
            return Err(wrong());
        }
        Ok(challenge)
    }
}

fn picture(code: &str) -> Result<Vec<u8>, Error> {
    use captcha::filters::{Dots, Noise, Wave};
    let mut image = captcha::Captcha::new();
    for letter in code.chars() {
        image.set_chars(&[letter]).add_char();
    }
    image
        .apply_filter(Noise::new(0.2))
        .apply_filter(Wave::new(2.0, 8.0).horizontal())
        .apply_filter(Wave::new(2.0, 6.0).vertical())
        .view(WIDTH, HEIGHT)
        .apply_filter(Dots::new(8));
    image.as_png().ok_or_else(|| Error::internal("the picture of a captcha could not be drawn"))
}

/// One WAV file out of one a letter.
fn sound(code: &str) -> Result<Vec<u8>, Error> {
    let broken = || Error::internal("the sound of a captcha could not be made");
    let mut letters = captcha::Captcha::new();
    for letter in code.chars() {
        letters.set_chars(&[letter]).add_char();
    }
    let mut samples = Vec::new();
    let mut header: Option<Vec<u8>> = None;
    for wav in letters.as_wav() {
        let wav = wav.ok_or_else(broken)?;
        let head = wav.get(..WAV_HEADER).filter(|head| &head[36..40] == b"data").ok_or_else(broken)?;
        header.get_or_insert_with(|| head.to_vec());
        samples.extend_from_slice(&wav[WAV_HEADER..]);
        samples.extend(std::iter::repeat_n(0, SILENCE));
    }
    let mut file = header.ok_or_else(broken)?;
    let length = u32::try_from(samples.len()).map_err(Error::internal)?;
    file[4..8].copy_from_slice(&(length + 36).to_le_bytes());
    file[40..44].copy_from_slice(&length.to_le_bytes());
    file.extend(samples);
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_picture_and_a_sound() {
        let png = picture("abc234").unwrap();
        assert_eq!(&png[1..4], b"PNG");
        let wav = sound("abcdefhkmnprstuvwxyz2346789").unwrap();
        assert_eq!((&wav[..4], &wav[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
        assert_eq!(u32::from_le_bytes(wav[40..44].try_into().unwrap()) as usize, wav.len() - 44);
    }
}
