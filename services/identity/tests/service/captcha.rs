//! The human check (S18, IA-7).

use portico_identity::domain::captcha::Challenge as Solved;
use portico_identity::domain::secrets::Secrets;
use portico_proto::identity::v1::*;
use time::Duration;

use crate::kit::*;

fn verify(purpose: CaptchaPurpose, answer: &CaptchaAnswer, request_id: &str) -> VerifyCaptchaRequest {
    VerifyCaptchaRequest { portal: "demo".into(), request_id: request_id.into(), purpose: purpose.into(), answer: Some(answer.clone()) }
}

fn named() -> Vec<(String, String)> {
    vec![("captcha".to_owned(), "invalid".to_owned())]
}

/// The code of a challenge, as a person reads it off the picture.
fn code_of(place: &Place, token: &str) -> String {
    let root = std::fs::read_to_string(place.stage.path("secret")).unwrap();
    let secrets = Secrets::new(root.trim().as_bytes());
    Solved::read(&secrets, "demo", token).unwrap().code(&secrets, "demo")
}

#[tokio::test]
async fn a_challenge_is_good_once_and_free_for_the_same_request() {
    let place = Place::demo().await;
    let answer = place.captcha(CaptchaPurpose::GuestTicket).await;
    let mut captchas = place.captchas();
    let first = key();
    let spent = verify(CaptchaPurpose::GuestTicket, &answer, &first);
    let spent = captchas.verify_captcha(place.service("tickets", spent)).await.unwrap().into_inner();
    let other = verify(CaptchaPurpose::GuestTicket, &answer, &key());
    assert_eq!(wrong_fields(captchas.verify_captcha(place.service("tickets", other)).await), named());
    // The same request comes again after the challenge expired.
    place.clock.advance(Duration::minutes(10));
    let again = verify(CaptchaPurpose::GuestTicket, &answer, &first);
    assert_eq!(captchas.verify_captcha(place.service("tickets", again)).await.unwrap().into_inner(), spent);
    place.end().await;
}

#[tokio::test]
async fn a_challenge_is_bound_to_its_form_and_portal_and_time() {
    let place = Place::demo().await;
    place.create_portal("other", "helpdesk").await;
    let answer = place.captcha(CaptchaPurpose::Signup).await;
    let mut captchas = place.captchas();
    let other_form = verify(CaptchaPurpose::GuestTicket, &answer, &key());
    assert_eq!(wrong_fields(captchas.verify_captcha(place.service("tickets", other_form)).await), named());
    let mut other_portal = verify(CaptchaPurpose::Signup, &answer, &key());
    other_portal.portal = "other".into();
    assert_eq!(wrong_fields(captchas.verify_captcha(place.service("tickets", other_portal)).await), named());
    for wrong in ["", "1", "x", "-1", "18446744073709551616000"] {
        let mut wrong_number = answer.clone();
        wrong_number.number = wrong.into();
        let refused = captchas.verify_captcha(place.service("tickets", verify(CaptchaPurpose::Signup, &wrong_number, &key()))).await;
        assert_eq!(wrong_fields(refused), named(), "{wrong}");
    }
    place.clock.advance(Duration::minutes(5));
    let late = verify(CaptchaPurpose::Signup, &answer, &key());
    assert_eq!(wrong_fields(captchas.verify_captcha(place.service("tickets", late)).await), named());
    place.end().await;
}

#[tokio::test]
async fn without_scripts_the_code_of_picture_or_sound_is_the_answer_and_a_wrong_one_burns_the_challenge() {
    let place = Place::demo().await;
    let mut captchas = place.captchas();
    let issue = || IssueCaptchaRequest { portal: "demo".into(), purpose: CaptchaPurpose::Signup.into() };
    let token = captchas.issue_captcha(place.guest(issue())).await.unwrap().into_inner().token;
    let image = GetCaptchaImageRequest { portal: "demo".into(), token: token.clone() };
    let image = captchas.get_captcha_image(place.guest(image)).await.unwrap().into_inner();
    assert_eq!((image.content_type.as_str(), &image.content[1..4]), ("image/png", &b"PNG"[..]));
    let audio = GetCaptchaAudioRequest { portal: "demo".into(), token: token.clone() };
    let audio = captchas.get_captcha_audio(place.guest(audio)).await.unwrap().into_inner();
    assert_eq!((audio.content_type.as_str(), &audio.content[..4]), ("audio/wav", &b"RIFF"[..]));

    let code = code_of(&place, &token).to_uppercase();
    let answer = CaptchaAnswer { token, number: String::new(), code };
    captchas.verify_captcha(place.service("gateway", verify(CaptchaPurpose::Signup, &answer, &key()))).await.unwrap();

    let token = captchas.issue_captcha(place.guest(issue())).await.unwrap().into_inner().token;
    let right = CaptchaAnswer { code: code_of(&place, &token), token: token.clone(), number: String::new() };
    let wrong = CaptchaAnswer { code: "zzzzzz".into(), ..right.clone() };
    for answer in [wrong, right] {
        let refused = captchas.verify_captcha(place.service("gateway", verify(CaptchaPurpose::Signup, &answer, &key()))).await;
        assert_eq!(wrong_fields(refused), named());
    }
    let foreign = GetCaptchaImageRequest { portal: "demo".into(), token: "nonsense".into() };
    assert_eq!(wrong_fields(captchas.get_captcha_image(place.guest(foreign)).await), named());
    place.end().await;
}

#[tokio::test]
async fn an_upload_may_look_at_its_forms_challenge_also_when_the_form_is_sent_again() {
    let place = Place::demo().await;
    let answer = place.captcha(CaptchaPurpose::GuestTicket).await;
    let inspect =
        |purpose: CaptchaPurpose| InspectCaptchaRequest { portal: "demo".into(), purpose: purpose.into(), token: answer.token.clone() };
    let mut captchas = place.captchas();
    let seen = captchas.inspect_captcha(place.service("gateway", inspect(CaptchaPurpose::GuestTicket))).await.unwrap().into_inner();
    assert_eq!(wrong_fields(captchas.inspect_captcha(place.service("gateway", inspect(CaptchaPurpose::Signup))).await), named());
    let spend = verify(CaptchaPurpose::GuestTicket, &answer, &key());
    let spent = captchas.verify_captcha(place.service("tickets", spend)).await.unwrap().into_inner();
    assert_eq!(seen.challenge_id, spent.challenge_id);
    let again = captchas.inspect_captcha(place.service("gateway", inspect(CaptchaPurpose::GuestTicket))).await.unwrap().into_inner();
    assert_eq!(again.challenge_id, seen.challenge_id, "the files of a second sending are looked at before the first one's answer is found");
    place.end().await;
}
