//! How kinds of facts are called, in both languages.

use super::Kind;
use crate::text::Language;

impl Kind {
    /// How it is called; [`Self::name`] is the stable code. A kind that is not in the catalogue has its name alone.
    ///
    /// # Example
    /// ```
    /// use tenure_core::{Kind, text::Language};
    /// let kind = Kind::OrderPlaced;
    /// assert_eq!((kind.label(Language::En), kind.label(Language::ZhCn)), ("order placed", "下单"));
    /// ```
    pub const fn label(self, language: Language) -> &'static str {
        let (en, zh_cn) = self.labels();
        match language {
            Language::En => en,
            Language::ZhCn => zh_cn,
        }
    }

    const fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::LeadCaptured => ("lead captured", "获取线索"),
            Self::ProfileUpdated => ("profile updated", "更新资料"),
            Self::IdentityLinked => ("identity linked", "关联身份"),
            Self::IdentityMerged => ("identities merged", "合并客户"),
            Self::TagAdded => ("tag added", "添加标签"),
            Self::TagRemoved => ("tag removed", "移除标签"),
            Self::ConsentChanged => ("consent changed", "变更授权"),
            Self::OwnerAssigned => ("owner assigned", "分配负责人"),
            Self::SignedUp => ("signed up", "注册"),
            Self::TrialStarted => ("trial started", "开始试用"),
            Self::SessionStarted => ("session started", "访问"),
            Self::Tracked => ("product event", "产品行为"),
            Self::MessageSent => ("message sent", "发送消息"),
            Self::MessageOpened => ("message opened", "打开消息"),
            Self::MessageClicked => ("message clicked", "点击消息"),
            Self::FollowUpPlanned => ("follow-up planned", "计划跟进"),
            Self::FollowUpLogged => ("follow-up logged", "完成跟进"),
            Self::OpportunityOpened => ("opportunity opened", "创建商机"),
            Self::OpportunityStageChanged => ("opportunity moved", "推进商机"),
            Self::OpportunityWon => ("opportunity won", "赢单"),
            Self::OpportunityLost => ("opportunity lost", "输单"),
            Self::QuoteSent => ("quote sent", "报价"),
            Self::ContractSigned => ("contract signed", "签订合同"),
            Self::ContractEnded => ("contract ended", "合同终止"),
            Self::OrderPlaced => ("order placed", "下单"),
            Self::OrderRefunded => ("order refunded", "退款"),
            Self::SubscriptionStarted => ("subscription started", "开始订阅"),
            Self::SubscriptionChanged => ("subscription changed", "变更订阅"),
            Self::SubscriptionRenewed => ("subscription renewed", "续订"),
            Self::PaymentFailed => ("payment failed", "支付失败"),
            Self::SubscriptionCancelled => ("subscription cancelled", "取消订阅"),
            Self::SubscriptionEnded => ("subscription ended", "订阅结束"),
            Self::TicketOpened => ("ticket opened", "创建工单"),
            Self::TicketResponded => ("ticket answered", "回复工单"),
            Self::TicketResolved => ("ticket resolved", "解决工单"),
            Self::TicketReopened => ("ticket reopened", "重开工单"),
            Self::SurveyAnswered => ("survey answered", "回答问卷"),
            Self::ReviewPosted => ("review posted", "发表评价"),
            Self::PointsEarned => ("points earned", "获得积分"),
            Self::PointsRedeemed => ("points redeemed", "兑换积分"),
            Self::Referred => ("referral", "推荐"),
            Self::CommunityJoined => ("community joined", "加入社群"),
            Self::CoCreated => ("co-creation", "参与共创"),
            Self::OfferMade => ("offer made", "发放优惠"),
            Self::OfferAccepted => ("offer accepted", "接受优惠"),
            Self::ChurnConfirmed => ("churn confirmed", "确认流失"),
            Self::EventVoided => ("fact taken back", "撤回事实"),
            Self::ErasureRequested => ("erasure requested", "申请删除个人信息"),
            Self::Foreign => ("other fact", "其他事实"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_label_of_its_own_in_each_language() {
        for language in [Language::En, Language::ZhCn] {
            let labels: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.label(language)).collect();
            assert_eq!(labels.len(), Kind::ALL.len());
            assert!(labels.iter().all(|label| !label.is_empty()));
        }
        let is_chinese = |label: &str| label.chars().all(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        for kind in Kind::ALL {
            assert!(
                kind.label(Language::En).is_ascii() && is_chinese(kind.label(Language::ZhCn)),
                "{kind:?}"
            );
        }
    }
}
