//! Every word that people read, in both languages side by side: a phrase without one of them does not compile.

use clap::ValueEnum;

/// The language of tables, labels and reasons. JSON, CSV and errors do not change with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    #[value(name = "en")]
    En,
    /// 简体中文
    #[value(name = "zh-CN", alias = "zh")]
    ZhCn,
}

impl Lang {
    /// The one of two texts.
    pub const fn pick<'a>(self, en: &'a str, zh_cn: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::ZhCn => zh_cn,
        }
    }

    /// All phrases in this language.
    pub const fn words(self) -> &'static Words {
        match self {
            Self::En => &EN,
            Self::ZhCn => &ZH_CN,
        }
    }
}

macro_rules! words {
    ($( $name:ident: $en:literal, $zh:literal; )*) => {
        /// The phrases of one language. `{}` stands for a value, filled in by [`fill`].
        pub struct Words {
            $( pub $name: &'static str, )*
        }
        const EN: Words = Words { $( $name: $en, )* };
        const ZH_CN: Words = Words { $( $name: $zh, )* };
        /// The name of each phrase with both its texts.
        #[cfg(test)]
        const PHRASES: &[(&str, &str, &str)] = &[$( (stringify!($name), $en, $zh) ),*];
    };
}

words! {
    survival: "How long subscriptions last", "订阅持续多久";
    survival_of: "{} lives, {} ended; half have ended after {} days", "{} 段订阅，{} 段已结束；{} 天后有一半结束";
    survival_of_most: "{} lives, {} ended; more than half go on", "{} 段订阅，{} 段已结束；过半仍在继续";
    month_of_life: "Month", "第几个月";
    at_risk_then: "At its beginning", "月初仍在";
    ended_then: "Ended in it", "当月结束";
    survival_share: "Still there after it", "月末仍在";
    interval_95: "95 %", "95% 区间";
    endings: "Likely to end within {}: {} of {} who pay", "{} 内可能结束：付费客户 {} / {}";
    months_lived: "Months", "已满月数";
    p_end: "Ends within {}", "{} 内结束";
    hazard_of: "log-odds to leave in a month: {} + {} · ln(month) + {} for who has come back", "每月流失的对数几率：{} + {} · ln(月) + {}（曾回归者）";
    predicted: "Predicted within {}, discounted by {} % a year", "{} 内预测价值(年折现 {}%)";
    expected_purchases: "Expected purchases", "预期购买次数";
    predicted_clv: "Predicted value", "预测价值";
    mean_for_all: "one mean amount for everybody: {}", "对所有客户采用同一平均金额：{}";
    unpredicted: "left out of the prediction: {} customers whose history the model cannot take", "未纳入预测：{} 位客户的历史不适用该模型";
    diff: "What changes from {} to {}", "从 {} 到 {} 的变化";
    aspect: "In", "方面";
    aspect_stage: "stage", "阶段";
    aspect_segment: "segment", "分群";
    aspect_band: "risk band", "风险等级";
    by_first: "{} says", "{} 的判断";
    differing: "{} of {} customers change", "{} / {} 位客户有变化";
    examples: "For example", "示例";
    p_no_purchase: "No purchase in {}", "{} 内不购买";
    fitted: "Model of repeat purchase", "复购模型";
    parameter: "Parameter", "参数";
    standard_error: "Standard error", "标准误";
    fit_of: "{}: {} customers, {} distinct histories, log-likelihood {}", "{}：{} 位客户，{} 种不同历史，对数似然 {}";
    spend_of: "Gamma-Gamma: {} repeat buyers, log-likelihood {}, correlation of number and amount {}", "Gamma-Gamma：{} 位复购客户，对数似然 {}，次数与金额相关系数 {}";
    written_to: "written to {}", "已写入 {}";
    backtest: "Backtest", "回测";
    cases: "Cases", "样本";
    lapsed: "Lapsed", "流失";
    log_loss: "Log loss", "对数损失";
    brier: "Brier", "布里尔分数";
    skill: "Skill", "Brier 技巧分";
    captured_10: "Captured in top 10 %", "前 10% 捕获";
    value_10: "Value captured in top 10 %", "前 10% 价值捕获";
    ece_interval: "ECE, 95 %", "ECE 95% 区间";
    each_cut: "AUC at each cut", "各时点 AUC";
    reliability: "What {} said, and what came", "{} 的预测与实际";
    said: "Said", "预测";
    happened: "Came", "实际";
    warnings: "Warnings: the score that a fifth of the training cases had, or more", "预警：评分达到训练样本前五分之一";
    threshold: "From", "阈值";
    true_alarms: "True", "命中";
    false_alarms: "False", "误报";
    false_each: "False for each true", "每次命中的误报";
    warned: "Lapses warned of", "已预警的流失";
    lead: "Days before the lapse (quartiles)", "提前天数(四分位)";
    learnt: "What was learnt", "学到的权重";
    weight: "Log-odds for a unit", "每单位对数几率";
    mean: "Mean", "均值";
    trained_at: "learnt at {}; judged at {}; horizon {}; knowledge {}", "训练时点 {}；评估时点 {}；期限 {}；知识口径 {}";
    as_of: "as of", "截至";
    known_at: " · known at {}", " · 已知截至 {}";
    rfm: "RFM", "RFM 分析";
    customer: "Customer", "客户";
    customers: "Customers", "客户数";
    share: "Share", "占比";
    stage: "Stage", "阶段";
    stages: "Lifecycle stages", "客户生命周期阶段";
    macro_stage: "Macro stage", "大阶段";
    segment: "Segment", "分群";
    segments: "RFM segments", "RFM 客户分群";
    recency_days: "Recency (days)", "最近购买(天前)";
    frequency: "Frequency", "购买频次";
    monetary: "Monetary", "消费金额";
    unscored: "without an order in the window: {} customers", "窗口内无订单：{} 位客户";
    missing_rates: "left out for want of an exchange rate: {} amounts", "缺少汇率而未计入：{} 笔金额";
    moves: "Moves since {}", "自 {} 以来的变化";
    from: "From", "原";
    to: "To", "现";
    timeline: "Timeline", "阶段时间线";
    at: "At", "时间";
    reason: "Reason", "原因";
    next_change: "next change if nothing happens: {}", "若无新行为，下次变化：{}";
    no_next_change: "the stage does not change by silence alone", "仅凭沉默，阶段不会再变化";
    field: "Field", "项目";
    value: "Value", "值";
    facts: "Facts", "事实数";
    since: "since", "始于";
    soon_at_risk: "Enter at_risk within {} if nothing happens", "若无新行为，{} 内将进入流失风险";
    report: "Where the customers stand", "客户全景";
    seconds: "Seconds", "秒";
    digest: "Digest of all views", "视图摘要";
    verified: "Facts checked", "已校验事实";
    head_hash: "Hash of the head", "链头哈希";
    imported: "Imported", "已导入";
    known: "Known already", "已存在";
    taken_back: "Taken back before", "此前已撤回";
    outcome: "Outcome", "结果";
    problem: "Problem", "问题";
    place: "Column or field", "列或字段";
    first_line: "First line", "首次出现行";
    example: "For example", "示例";
    bad_in_all: "... {} bad rows in all", "……共 {} 行错误";
    still_void: "{} rows are facts that were taken back, and stay so: to have them count again, import under a new --batch", "{} 行是已被撤回的事实，不会重新生效：如需重新计入，请用新的 --batch 导入";
    coincide: "{} rows are in another batch, too, and now count twice: if that is wrong, tenure void --batch {} --store {}", "{} 行也存在于其他批次，现已重复计入：如有误，请执行 tenure void --batch {} --store {}";
    already_void: "Taken back before", "此前已撤回";
    bad_position: "First bad position", "首个损坏位置";
    finding: "Finding", "发现";
    too_long: "too long", "过长";
    not_text: "not UTF-8", "非 UTF-8 文本";
    bad_quote: "quotes that do not match", "引号不匹配";
    cell_count: "wrong number of cells", "单元格数量不符";
    bad_cell: "unreadable cell", "单元格无法读取";
    not_json: "not JSON", "非 JSON";
    bad_field: "wrong field", "字段有误";
    in_future: "in the future", "时间在未来";
    same_id: "one id, two contents", "同一 ID 内容不同";
    other_problem: "other", "其他";
    duplicates: "Duplicate rows", "重复行";
    read: "Read", "已读取";
    folding: "folding", "折叠";
    importing: "importing", "导入";
    verifying: "verifying", "校验";
    bad_rows: "Bad rows", "错误行";
    rows: "Rows", "行数";
    elsewhere: "Rows also in another batch", "与其他批次重合的行";
    quarantine: "Quarantine file", "隔离文件";
    dry_run: "dry run: nothing was written", "试运行：未写入任何内容";
    dwell: "Time spent in a stage (days)", "阶段停留时长(天)";
    median: "Median", "中位数";
    p90: "90th percentile", "90 分位";
    stays: "Completed stays", "已结束次数";
    open_stays: "Open stays", "进行中";
    voided: "Facts taken back", "已撤回事实";
    nobody: "no customers: no fact counts at that instant", "没有客户：该时点没有有效事实";
    not_yet: "(not yet a customer)", "(尚非客户)";
    month: "Month", "月份";
    changes: "Changes", "变化次数";
    flows: "Changes of stage per month", "每月阶段流转";
    cause: "Cause", "依据";
    several_facts: "{} facts of that instant", "同一时刻的 {} 个事实";
    silence_since: "silence since {}", "自 {} 起沉默";
    demo_title: "CDNOW: purchases of 2,357 customers in 1997 and 1998 (Fader and Hardie 2001)", "CDNOW：2,357 位客户 1997 至 1998 年的购买记录（Fader 与 Hardie，2001）";
    demo_next: "Next: tenure customer cdnow:0001 --store {} --as-of 1998-06-30", "下一步：tenure customer cdnow:0001 --store {} --as-of 1998-06-30";
    plus_more: "… and {} more", "……以及另外 {} 位";
    // Headings that were English in both languages.
    replay: "Replay", "重放";
    // Imports of real files, and revenue.
    counting: "counting", "计数";
    joined: "Lines joined into other rows' facts", "并入同一事实的行";
    equal_lines: "  of which equal to an earlier line", "  其中与先前行完全相同";
    left_out: "Left out by the mapping", "按映射规则略去";
    bad_group: "of a group with a bad row", "同组有错误行";
    missing_customer: "no customer", "缺少客户";
    missing_order: "no order number", "缺少订单号";
    zero_price: "price of zero", "单价为零";
    negative_price: "negative price", "单价为负";
    not_paid: "not paid", "未付款";
    further_imported: "Further facts of these rows", "同行的其他事实";
    further_known: "Further facts known already", "同行已存在的其他事实";
    further_bad: "Further facts that were refused", "同行被拒的其他事实";
    revenue: "Revenue", "营收";
    orders: "Orders", "订单数";
    gross: "Gross", "订单金额";
    refund_count: "Refunds", "退款次数";
    refunds: "Refunded", "退款金额";
    net: "Net", "净营收";
    total: "Total", "合计";
    without_amount: "orders and refunds without an amount: {}", "无金额的订单与退款：{} 笔";
    // Of `simulate`.
    simulating: "simulating", "模拟";
    simulated: "{}: {} facts of {} customers, {} of them new", "{}：{} 条事实，{} 位客户，其中新增 {} 条";
    // Policies.
    check_clean: "{}: nothing found", "{}：未发现问题";
    check_found: "{}: {} errors, {} warnings, {} allowed", "{}：{} 个错误，{} 个警告，{} 个已允许";
    check_error: "error", "错误";
    check_warning: "warning", "警告";
    check_allowed: "allowed", "已允许";
    policy_written: "wrote {}: edit it, then run tenure check {}", "已写入 {}：请修改后运行 tenure check {}";
    currencies: "Currencies of ISO 4217", "ISO 4217 货币";
    code: "Code", "代码";
    decimals: "Decimals", "小数位";
    name: "Name", "名称";
    // The page of a customer and that of all.
    looking_through: "looking through the log", "通读日志";
    recorded_as: "Recorded as", "记录为";
    profile: "Profile", "客户档案";
    attribute: "Attribute", "属性";
    held_since: "Since", "始于";
    identities: "Identities", "身份标识";
    namespace: "Namespace", "命名空间";
    state: "State", "状态";
    tags: "Tags", "标签";
    tag: "Tag", "标签";
    tag_held: "on", "已打上";
    tag_removed: "taken off", "已移除";
    owners: "Owners, the present one last", "负责人（最后一位为现任）";
    owner: "Owner", "负责人";
    consents: "Consents", "授权同意";
    purpose: "Purpose", "用途";
    granted: "given", "已同意";
    withdrawn: "withdrawn", "已撤回";
    more_than_fits: "there is more of this customer than is kept: the first names by time are shown", "该客户的数据超出保留上限：仅显示最早出现的条目";
    page_counts: "{} · customers: {} · facts: {}", "{} · 客户数：{} · 事实数：{}";
    turnover: "since {}: {} new · {} won back · {} lost", "自 {} 以来：新增 {} 位 · 挽回 {} 位 · 流失 {} 位";
    newcomers: "since {}: {} new", "自 {} 以来：新增 {} 位";
    came: "Came", "进入";
    left: "Left", "离开";
    risks: "Lost next if they stay silent ({})", "若持续沉默即将流失的客户（{}）";
    worth: "Worth", "价值";
    silent_since: "Silent since", "沉默始于";
    lost_on: "Lost on", "流失日期";
    silence_spent: "Silence spent", "沉默进度";
    data_quality: "Data quality", "数据质量";
    count: "Count", "数量";
    required_missing: "required and unknown: {}", "必填而缺失：{}";
    missing: "unknown: {}", "缺失：{}";
    unreadable_email: "e-mail that is no address", "无法识别的电子邮箱";
    unreadable_phone: "phone that is no number", "无法识别的电话号码";
    same_email: "share an e-mail address", "共用邮箱地址";
    same_phone: "share a phone number", "共用电话号码";
    late_facts: "late facts, by up to {}", "迟到的事实，最长 {}";
    no_late_facts: "late facts", "迟到的事实";
    clock_ahead: "clocks ahead, by up to {}", "时钟超前，最长 {}";
    no_clock_ahead: "clocks ahead", "时钟超前";
    order_of_zero: "orders of amount zero", "金额为零的订单";
    order_without_amount: "orders without an amount", "缺少金额的订单";
    refund_of_nothing: "refunds of nothing", "无金额的退款";
    negative_amount: "amounts below zero", "负数金额";
    score_off_scale: "scores off their scale", "超出量表的评分";
    stars_off_scale: "stars off their scale", "超出范围的星级";
    first_instant: "facts of the first instant of 1970", "时间为 1970 年初始时刻的事实";
    more_fields: "… and so many fields more: {}", "……以及另外 {} 个字段";
    stages_and_moves: "Lifecycle stages, and movements since {}", "客户生命周期阶段，及自 {} 以来的变化";
    of: "Of", "对象";
    of_customers: "customers", "客户";
    of_facts: "facts", "事实";
    no_stages: "the policy has no stages: whatever rests on them is left out", "策略未定义阶段：略去依赖阶段的内容";
    no_lost_stage: "the policy has no stage {}: who was lost, won back or may be lost is left out", "策略没有阶段 {}：略去流失、挽回与即将流失的客户";
    mixed_currencies: "amounts are in {} and in {}: RFM is left out, and worth is compared without conversion; name one currency in the policy", "金额包含 {} 与 {}：略去 RFM，且价值未经换算直接比较；请在策略中指定货币";
    // Of `churn`.
    churn: "Churn risk", "流失风险";
    score: "Score", "评分";
    band: "Band", "风险等级";
    reasons: "Reasons", "原因";
    value_at_risk: "Value at risk", "风险金额";
    last_contact: "Last contact", "最近联系";
    action: "Action", "建议动作";
    customers_at_risk: "Customers: {} of {}", "客户：{} 位，共 {} 位";
    value_is: "value at risk: net revenue of the last 365 days, in {}", "风险金额：最近 365 天的净营收，货币为 {}";
    value_unconverted: "value at risk: net revenue of the last 365 days; the policy names no currency, so amounts of several ones stand side by side and are compared without conversion", "风险金额：最近 365 天的净营收；策略未指定货币，多种货币并列显示，未经换算直接比较";
    unvalued: "customers who have paid in several currencies, without a value: {}", "以多种货币付款而无法计值的客户：{} 位";
    no_churn: "the policy has no [churn]: there is no score", "策略没有 [churn] 部分：没有评分";
    signals: "What the score is made of", "评分构成";
    signal: "Signal", "信号";
    points: "Points", "分值";
    churn_base: "base of everybody", "基础分";
    churn_bound: "bound to 0 … 100", "限于 0 至 100";
    next_score: "points change next if nothing happens: {}", "若无新行为，下次分值变化：{}";
    // Of `backup`.
    copying: "copying", "复制";
    backup_file: "Backup", "备份文件";
    backup_position: "Facts, up to position", "事实数(至位置)";
    backup_bytes: "Bytes", "字节数";
    quarantine_file: "File", "文件";
    quarantine_line: "Line", "行";
    quarantine_column: "Column", "列";
    quarantine_row: "Row", "内容";
    quarantine_sealed: "(sealed: name its --store)", "(已加密：请指定 --store)";
    quarantine_erased: "(erased)", "(已删除)";
    keys_destroyed: "Keys destroyed", "已销毁密钥";
    identities_forgotten: "Identities forgotten", "已遗忘身份";
    erasures_recorded: "Erasures recorded", "已记录删除";
    erase_next: "copies of {}-keys made before still open what was erased: destroy them, too", "此前复制的 {}-keys 仍可解开已删除的数据：请一并销毁";
    erased_before: "nothing personal was left to erase", "已无可删除的个人数据";
    backup_no_keys: "personal data in the copy is sealed, and its keys are not in it: see tenure backup --keys", "备份中的个人数据已加密，不含密钥：参见 tenure backup --keys";
    backup_nothing_sealed: "the store has sealed nothing yet, so there are no keys to copy", "该存储尚未加密任何数据，因此没有可复制的密钥";
    backup_next: "check it now and then: tenure verify --store {}", "请定期校验备份：tenure verify --store {}";
    // Of `query`.
    no_such_kind: "no kind of fact is called {}, so tracked events of that name are meant; did you mean {}?", "没有名为 {} 的事实种类，因此指该名称的 tracked 事件；是否应为 {}？";
    query: "Behaviour", "行为分析";
    funnel: "Funnel", "漏斗";
    step: "Step", "步骤";
    event: "Event", "事件";
    of_entered: "Of entered", "占进入者";
    of_previous: "Of previous", "占上一步";
    average: "Average", "平均";
    no_value: "(none)", "（无）";
    pending: "Pending", "未决";
    pending_are: "pending: not at the last step, and a window is still open", "未决：尚未到达最后一步，且窗口仍未结束";
    more_offsets: "{} more offsets: --format csv", "另有 {} 个间隔：--format csv";
    attempts: "Attempts", "尝试次数";
    conversions: "Conversions", "转化次数";
    rate: "Rate", "转化率";
    bucket: "Bucket", "时段";
    entered: "Entered", "进入";
    converted: "Converted", "转化";
    time_to_convert: "Time to convert", "转化用时";
    from_time_on: "From", "用时起点";
    median_and_average: "median {}, average {}", "中位数 {}，平均 {}";
    retention: "Retention", "留存";
    offset: "Offset", "间隔";
    complete: "Complete", "已结束";
    open_cells: "shares in percent of those who started; … may still grow, and is in no average", "单元格为占起始人数的百分比；带 … 者尚可增长，不计入平均";
    movement: "Lifecycle movement", "生命周期流动";
    new: "New", "新增";
    returning: "Returning", "持续";
    resurrecting: "Resurrecting", "回流";
    dormant: "Dormant", "沉睡";
    active: "Active", "活跃";
    stickiness: "Stickiness", "粘性";
    buckets_active: "Buckets active", "活跃时段数";
    exactly: "Exactly", "恰好";
    at_least: "At least", "至少";
    repurchase: "Repurchase", "复购";
    repeated: "Bought again", "再次购买";
    until_next: "Time until the next purchase", "距下次购买的时间";
    between: "Between", "区间";
    censored: "Not yet", "尚未";
    first_to_second: "first and second", "首次至第二次";
    nth_to_next: "n-th and next", "第 n 次至下一次";
    path: "Path", "路径";
    paths: "Paths", "路径数";
    nothing: "(nothing)", "（无后续）";
    rarer_paths: "{} rarer sequences, {} paths together", "其余 {} 种较少见的序列，共 {} 条路径";
    tree: "Branches", "路径树";
    compared: "Where two groups differ", "两组差异";
    difference: "Difference", "差值";
    transitions: "Moves between stages", "阶段转移";
    listed: "Customers: {}", "客户：{}";
    reached_step: "Reached", "到达步骤";
    since_when: "Since", "自";
    // Of `replay --rebuild`.
    rebuilding: "rebuilding", "重建";
    rebuild_of: "Rebuild of {}", "重建 {}";
    rollback_of: "Rollback of {}", "回退 {}";
    rebuild_resumed: "generation {} was begun before: going on at position {}", "第 {} 代此前已经开始：从位置 {} 继续";
    rebuild_compared: "{} customers compared at position {}; {} differ", "已比较 {} 位客户（截至位置 {}），其中 {} 位有差异";
    rebuild_field: "Field", "字段";
    rebuild_differing: "Customers that differ", "有差异的客户数";
    rebuild_examples: "Customers that differ", "有差异的客户";
    rebuild_before: "Live", "现用";
    rebuild_after: "New", "新建";
    rebuild_rule: "Rule", "规则";
    rebuild_next: "Next change", "下次变化";
    rebuild_unsegmented: "generation {} has no segments: {}", "第 {} 代没有分群：{}";
    rebuild_not_compared: "not compared: {}", "未能比较：{}";
    rebuild_beside: "generation {} stands beside the live one, {}: --switch puts it in its place", "第 {} 代已与现用的第 {} 代并存：加 --switch 即可切换";
    rebuild_first: "generation {} is the first: --switch makes it the live one", "第 {} 代是首个版本：加 --switch 即可启用";
    rebuild_switched: "generation {} is live now, in the place of {}: --rollback goes back", "第 {} 代已启用，取代第 {} 代：用 --rollback 可以回退";
    rebuild_first_live: "generation {} is live now", "第 {} 代已启用";
    rebuild_behind: "it holds {} of {} facts, as many as the live one: the engine that keeps it takes in the rest", "已计入 {} 条事实（共 {} 条），与现用版本一致：其余由保存它的引擎继续计入";
    // Of `quality`.
    quality_findings: "Findings", "检查发现";
    quality_clean: "nothing found", "未发现问题";
    quality_field: "Field", "字段";
    quality_required: "Required", "必填";
    quality_known: "Known of", "已知客户数";
    quality_of: "Of", "总数";
    quality_strict: "Counts for --strict", "计入 --strict";
    quality_yes: "yes", "是";
    quality_no: "no", "否";
    quality_unknown_kind: "unknown kind: {}", "未知的事实种类：{}";
    quality_old_schema: "facts in an older schema: {}", "旧结构版本的事实：{}";
    quality_voided: "facts taken back", "已撤回的事实";
    quality_void_of_void: "voids of voids, which do nothing", "对撤回的撤回(无效)";
    quality_merged: "customers merged (persons: {})", "已合并的客户(合为 {} 人)";
    quality_completeness: "What is known of {} customers", "{} 位客户的资料完整度";
    quality_duplicates: "Customers who may be one", "疑似同一人的客户";
    quality_shares: "They share", "相同项";
    quality_email: "e-mail", "电子邮箱";
    quality_phone: "phone", "电话";
    quality_lags: "How late facts came", "事实迟到的时长";
    quality_skew: "How far clocks were ahead", "时钟超前的时长";
    quality_lag: "By", "时长";
    quality_minute: "up to a minute", "1 分钟内";
    quality_hour: "up to an hour", "1 小时内";
    quality_day: "up to a day", "1 天内";
    quality_week: "up to a week", "1 周内";
    quality_month: "up to 30 days", "30 天内";
    quality_longer: "longer", "更久";
    quality_kinds: "Facts by kind", "各类事实";
    quality_kind: "Kind", "种类";
    quality_never_seen: "kinds never seen: {} (--format json names them)", "从未出现的种类：{} 种(--format json 列出名称)";
    quality_more_groups: "… and {} more groups (--format json names all)", "……以及另外 {} 组(--format json 列出全部)";
    // Of `clv`, `acquisition` and `mrr`.
    historic_value: "Customer value", "客户价值";
    everybody: "All who have ordered", "全部下单客户";
    net_value: "Net", "净额";
    best_customers: "Customers by value", "客户价值排名";
    by_first_touch: "By first touch", "按首次触点";
    first_order: "First order", "首单时间";
    channel: "Channel", "渠道";
    campaign: "Campaign", "营销活动";
    cohort: "Cohort", "同期群";
    cumulative_net: "Net up to the n-th month after the first order, in {}", "首单后第 n 个月为止的累计净额（{}）";
    open_sums: "… may still change: the month is not over", "带 … 者尚可变动：当月尚未结束";
    no_orders: "nobody has ordered by that instant", "截至该时点尚无客户下单";
    more_customers: "… and {} more: --top N, or --format csv", "……以及另外 {} 位：用 --top N 或 --format csv";
    refunds_without_order: "refunds of customers without an order, in no row: {} customers, {}", "未下单客户的退款（不计入任何一行）：{} 位客户，{}";
    acquisition: "Acquisition", "获客分析";
    by: "By", "分组";
    amounts_in: "Amounts in {}", "金额单位：{}";
    leads: "Leads", "线索数";
    prospects: "Prospects", "潜在客户";
    won_customers: "Customers", "成交客户";
    cost: "Cost", "成本";
    cac: "CAC", "获客成本";
    average_net: "Average net", "平均净额";
    ltv_cac: "LTV:CAC", "价值成本比";
    payback: "Payback (months)", "回本月数";
    not_paid_back: "not yet", "尚未回本";
    no_leads: "no leads: no lead_captured counts at that instant, so nothing tells what customers cost", "没有线索：该时点没有有效的获取线索事实，无法得知获客成本";
    payback_is: "payback: the first n for which customers have brought their CAC by the end of the n-th month after that in which they were won", "回本月数：自成交当月起，到其后第 n 个月末，客户平均净额达到获客成本的最小 n";
    won_without_order: "won by a subscription or contract, without an order: {} customers; recurring amounts are no payments, so they bring nothing here", "凭订阅或合同成交而无订单：{} 位客户；订阅金额并非付款，此处不计价值";
    customers_before: "customers before their first lead, and not won by it: {}", "首条线索之前已是客户（不计入成交）：{} 位";
    without_lead: "customers without a lead, in no row: {}", "没有线索的客户（不计入任何一行）：{} 位";
    without_cost: "leads without a cost: {}", "没有成本的线索：{} 条";
    mrr: "Monthly recurring revenue", "月度经常性收入";
    paying_customers: "Customers", "付费客户";
    subscriptions: "Subscriptions", "订阅数";
    opening: "Opening", "期初";
    expansion: "Expansion", "增购";
    reactivated: "Reactivated", "重新激活";
    contraction: "Contraction", "减购";
    churned_mrr: "Churned", "流失";
    churned_customers: "Churned", "流失客户";
    closing: "Closing", "期末";
    mrr_movements: "Movements of MRR, in {}", "经常性收入变动（{}）";
    retention_of_revenue: "Customers and retention", "客户与收入留存";
    gross_retention: "Gross", "总留存";
    net_retention: "Net", "净留存";
    logo_churn: "Logo churn", "客户流失率";
    year_gross: "Gross, 12 months", "近 12 月总留存";
    year_net: "Net, 12 months", "近 12 月净留存";
    no_subscriptions: "no subscriptions: no subscription_started counts at that instant", "没有订阅：该时点没有有效的开始订阅事实";
    open_months: "a month with … is not over", "带 … 的月份尚未结束";
    not_running: "changes and renewals of subscriptions that were never started, or had ended: {}; they say nothing", "针对未开始或已结束订阅的变更与续订：{} 条，不予计入";
    starts_without_amount: "subscriptions that started without an amount, and run for nothing until one is told: {}", "开始时没有金额的订阅（得知金额前按零计）：{} 个";
    // Of `doctor`.
    doctor_ok: "ok", "正常";
    doctor_look: "look", "留意";
    doctor_wrong: "wrong", "异常";
    doctor_well: "all is well", "一切正常";
    doctor_counts: "{} wrong, {} worth a look", "异常 {} 项，需留意 {} 项";
    doctor_part: "Part", "部分";
    doctor_check: "Check", "检查项";
    doctor_mark: "Mark", "状态";
    doctor_advice: "What to do", "处理办法";
    doctor_program: "Program", "程序";
    doctor_surroundings: "Surroundings", "运行环境";
    doctor_policy: "Policy", "策略";
    doctor_store: "Store", "存储";
    doctor_version: "version", "版本";
    doctor_version_is: "tenure {} for {} on {}", "tenure {}，系统 {}，架构 {}";
    doctor_sqlite: "sqlite", "数据库";
    doctor_sqlite_is: "SQLite {}, built in", "内置 SQLite {}";
    doctor_formats: "formats", "格式";
    doctor_formats_are: "store {}, facts of {} kinds with schemas up to {}, snapshot {}", "存储格式 {}，{} 种事实(结构版本至 {})，快照格式 {}";
    doctor_unreleased: "; later builds refuse store 0", "；存储格式 0 尚未发布，后续版本将拒绝读取";
    doctor_language: "language", "语言";
    doctor_language_chosen: "{}, as --lang says", "{}，由 --lang 指定";
    doctor_language_default: "{}, the default", "{}，默认值";
    doctor_locale: "; {} is {}", "；环境变量 {} 为 {}";
    doctor_no_locale: "; no variable names a locale", "；未设置区域环境变量";
    doctor_choose_chinese: "for Chinese write --lang zh-CN: no variable changes what a command answers", "如需中文请加 --lang zh-CN：命令的输出不随环境变量改变";
    doctor_characters: "characters", "字符集";
    doctor_characters_are: "{}, as {} says", "{}，由环境变量 {} 指定";
    doctor_characters_unknown: "no variable names a character set; tables are UTF-8", "环境变量未指定字符集；表格使用 UTF-8 编码";
    doctor_use_utf8: "tables are UTF-8: choose a locale such as en_US.UTF-8, or --format csv", "表格使用 UTF-8 编码：请改用 zh_CN.UTF-8 等区域设置，或使用 --format csv";
    doctor_terminal: "terminal", "终端";
    doctor_terminal_is: "{} columns, {}", "终端宽 {} 列，{}";
    doctor_no_terminal: "stdout is no terminal: tables are {} columns wide, {}", "标准输出不是终端：表格宽 {} 列，{}";
    doctor_colours: "with colours", "有颜色";
    doctor_no_colours: "without colours", "无颜色";
    doctor_policy_read: "policy", "策略";
    doctor_policy_is: "{} {}: {} errors, {} warnings", "{} {}：{} 个错误，{} 个警告";
    doctor_check_policy: "tenure check {} shows each with its place", "用 tenure check {} 查看各问题所在位置";
    doctor_file: "file", "文件";
    doctor_is_store: "{} is a store and opens", "{} 是可以打开的存储";
    doctor_is_directory: "{} is a directory", "{} 是目录";
    doctor_name_file: "name the file of the store in it", "请指定其中的存储文件";
    doctor_no_file: "there is no file {}", "文件 {} 不存在";
    doctor_make_store: "see to the name, or make a store: tenure import FILE --store NEW.db, or tenure demo", "请核对文件名，或新建存储：tenure import 文件 --store 新存储.db，或 tenure demo";
    doctor_not_a_store: "{} is not a tenure store: {}", "{} 不是 tenure 存储：{}";
    doctor_name_store: "name the file of a store; this one was not touched. A file of facts becomes one by tenure import", "请指定存储文件；此文件未被改动。事实文件可用 tenure import 导入";
    doctor_other_format: "{} has store format {}, this build reads {}", "{} 的存储格式为 {}，本程序只读格式 {}";
    doctor_other_build: "open it with the build that wrote it; its tenure log prints all facts, which tenure import reads", "请用写入它的版本打开；该版本的 tenure log 可导出全部事实，再用 tenure import 导入";
    doctor_damaged: "{} is damaged: {}", "{} 已损坏：{}";
    doctor_restore: "restore a backup, or copy the file again together with its -wal file while nobody writes", "请恢复备份，或在无人写入时连同 -wal 文件重新复制";
    doctor_locked: "{} is held by another program", "{} 正被其他程序独占";
    doctor_wait: "wait until it is done, or find and end it: lsof FILE names it on Linux and macOS", "请等待其完成，或找到并结束该程序：Linux 与 macOS 可用 lsof 文件名 查看";
    doctor_unreachable: "{} cannot be opened: {}", "{} 无法打开：{}";
    doctor_permissions: "allow this user to write the file and its directory: files ending in -wal and -shm stand beside it", "请授予当前用户对该文件及其目录的写权限：旁边还需要 -wal 与 -shm 文件";
    doctor_unsafe: "{} cannot be kept safe: {}", "{} 无法保证数据安全：{}";
    doctor_local_disk: "move it to a local disk, on a file system that keeps what was synced", "请移到本地磁盘上能保证同步写入的文件系统";
    doctor_failed: "{} cannot be read: {}", "{} 无法读取：{}";
    doctor_facts: "facts", "事实";
    doctor_facts_are: "{}, the last recorded {}", "{} 条，最近一条记录于 {}";
    doctor_no_facts: "none yet", "暂无";
    doctor_set_clock: "that is later than this machine's clock: set the clock, for new facts get no earlier instant", "晚于本机时钟：请校准时钟，新事实的记录时间不会早于它";
    doctor_settings: "settings", "设置";
    doctor_durability_full: "full: what is acknowledged survives a power loss", "完整：已确认的写入断电不丢";
    doctor_durability_less: "the last commits may be lost with the power", "断电可能丢失最近的提交";
    doctor_settings_are: "format {}, journal {}, durability {}; {} pages of {} bytes, {} free", "格式 {}，日志模式 {}，持久性 {}；{} 页，每页 {} 字节，空闲 {} 页";
    doctor_integrity: "integrity", "完整性";
    doctor_whole: "SQLite finds nothing wrong with the pages", "页结构检查未发现问题";
    doctor_pages_whole: "SQLite finds nothing wrong with the pages; --verify checks every fact, too", "页结构检查未发现问题；加 --verify 可逐条校验事实";
    doctor_pages_damaged: "SQLite finds damage:\n{}", "页结构检查发现损坏：\n{}";
    doctor_checksums: "checksums", "校验和";
    doctor_chain_whole: "{} facts fit their checksums and the chain to {}", "{} 条事实与校验和及哈希链一致，链头 {}";
    doctor_chain_broken: "what is stored is not what was written: {}", "存储内容与写入时不一致：{}";
    doctor_size: "size", "大小";
    doctor_size_is: "{}, write-ahead log {}", "主文件 {}，预写日志 {}";
    doctor_long_log: "somebody has been reading for long, so the log cannot be copied into the file: end programs that hold the store open", "有程序长时间读取，日志无法并入主文件：请结束占用该存储的程序";
    doctor_disk: "disk", "磁盘";
    doctor_disk_is: "{} free of {}", "可用 {}，共 {}";
    doctor_disk_unknown: "the system does not tell how much is free: {}", "系统未能给出可用空间：{}";
    doctor_look_at_disk: "look yourself that there is room for the store to grow", "请自行确认磁盘空间足够存储增长";
    doctor_make_room: "make room: an append may need 64 MiB for the write-ahead log alone", "请腾出空间：仅预写日志就可能需要 64 MiB";
    doctor_no_copy: "there is no room for a copy of the store: keep backups on another disk", "空间不足以存放一份副本：请把备份放到其他磁盘";
}

/// A phrase with its `{}` filled in, in order.
pub fn fill(phrase: &str, values: &[&dyn core::fmt::Display]) -> String {
    let mut parts = phrase.split("{}");
    let mut text = parts.next().unwrap_or_default().to_owned();
    let mut values = values.iter();
    for part in parts {
        if let Some(value) = values.next() {
            text.push_str(&value.to_string());
        }
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That both languages have every phrase is a matter of types; this is what types do not say.
    #[test]
    fn a_phrase_says_the_same_in_both_languages() {
        for (name, en, zh_cn) in PHRASES {
            assert!(!en.trim().is_empty() && !zh_cn.trim().is_empty(), "{name} is empty");
            assert_ne!(en, zh_cn, "{name} was not translated");
            let values = |text: &str| text.matches("{}").count();
            assert_eq!(values(en), values(zh_cn), "{name} has other values");
            assert!(!en.chars().any(is_chinese), "{name} has Chinese in its English");
            assert!(zh_cn.chars().any(is_chinese), "{name} has no Chinese");
        }
    }

    fn is_chinese(character: char) -> bool {
        ('\u{4e00}'..='\u{9fff}').contains(&character)
    }

    #[test]
    fn values_fill_a_phrase_in_order() {
        assert_eq!(fill("{} of {}", &[&1, &"two"]), "1 of two");
        assert_eq!(fill("no value", &[]), "no value");
    }
}
