//! CaptchaService.

use portico_chassis::clock::to_proto;
use portico_chassis::grpc::context;
use portico_proto::identity::v1 as wire;
use portico_proto::identity::v1::captcha_service_server::CaptchaService;
use tonic::{Request, Response, Status};

use super::Api;
use super::fields::{self, Fields};
use crate::domain::captcha::Challenge;

fn verified(challenge: &Challenge) -> Response<wire::VerifyCaptchaResponse> {
    Response::new(wire::VerifyCaptchaResponse { challenge_id: challenge.id(), expires_at: Some(to_proto(challenge.expires_at)) })
}

#[tonic::async_trait]
impl CaptchaService for Api {
    async fn issue_captcha(&self, request: Request<wire::IssueCaptchaRequest>) -> Result<Response<wire::Challenge>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let purpose = fields::purpose(request.purpose)?;
        let (challenge, token) = self.app.issue_captcha(&portal, purpose, context.deadline).await?;
        Ok(Response::new(wire::Challenge {
            token,
            salt: challenge.salt(),
            difficulty: i32::from(challenge.difficulty),
            expires_at: Some(to_proto(challenge.expires_at)),
        }))
    }

    async fn get_captcha_image(&self, request: Request<wire::GetCaptchaImageRequest>) -> Result<Response<wire::CaptchaMedia>, Status> {
        let portal = context(&request)?.portal(&request.get_ref().portal)?;
        let content = self.app.captcha_image(&portal, &request.get_ref().token).await?;
        Ok(Response::new(wire::CaptchaMedia { content_type: "image/png".into(), content }))
    }

    async fn get_captcha_audio(&self, request: Request<wire::GetCaptchaAudioRequest>) -> Result<Response<wire::CaptchaMedia>, Status> {
        let portal = context(&request)?.portal(&request.get_ref().portal)?;
        let content = self.app.captcha_audio(&portal, &request.get_ref().token).await?;
        Ok(Response::new(wire::CaptchaMedia { content_type: "audio/wav".into(), content }))
    }

    async fn verify_captcha(&self, request: Request<wire::VerifyCaptchaRequest>) -> Result<Response<wire::VerifyCaptchaResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let purpose = fields::purpose(request.purpose)?;
        let key = context.request_key("VerifyCaptcha", &request.request_id, &request)?;
        let mut fields = Fields::default();
        let captcha = fields::captcha(&mut fields, request.answer);
        fields.done()?;
        let ask = self.app.ask(&context, portal, key);
        let challenge = self.app.spend_captcha(&ask, purpose, &captcha.token, &captcha.answer).await?;
        Ok(verified(&challenge))
    }

    async fn inspect_captcha(
        &self,
        request: Request<wire::InspectCaptchaRequest>,
    ) -> Result<Response<wire::VerifyCaptchaResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let portal = context.portal(&request.portal)?;
        let purpose = fields::purpose(request.purpose)?;
        let challenge = self.app.inspect_captcha(&portal, purpose, &request.token)?;
        Ok(verified(&challenge))
    }
}
