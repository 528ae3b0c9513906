-- A dissector for Wireshark and tshark: udpmsg's wire format 1, in UDP datagrams and framed in TCP's stream.
-- The format is drawn at the top of udpmsg/core/wire.py. Use:  wireshark -X lua_script:udpmsg.lua run.pcapng
--
-- What is recognised: anything on port 5000 that begins as a datagram or frame of ours does, and on any other port by the same
-- sign (magic "UM", version 1, a kind there is). Filters: udpmsg.sequence == 4, udpmsg.kind == 2, udpmsg.checksum.status == 0

local udpmsg = Proto("udpmsg", "udpmsg messages")

local PORT, HEADER, LENGTH, RANGE = 5000, 40, 4, 16
local MESSAGE, ACK, GOODBYE, PROBE, PROBE_REPLY, CHALLENGE, COOKIE, QUERY, REPORT = 1, 2, 3, 4, 5, 6, 7, 8, 9
local KINDS = {
    [MESSAGE] = "MESSAGE", [ACK] = "ACK", [GOODBYE] = "GOODBYE", [PROBE] = "PROBE", [PROBE_REPLY] = "PROBE_REPLY",
    [CHALLENGE] = "CHALLENGE", [COOKIE] = "COOKIE", [QUERY] = "QUERY", [REPORT] = "REPORT",
}
local COOKIE_SIZE, PADDED_COOKIE_SIZE = 12, 64
local ACK_REQUESTED, FRAGMENT, REPLY, ORDERED, CHECKSUM, SEALED, TITLE = 1, 2, 4, 8, 16, 32, 256
local LARGEST_FRAME = 2 ^ 28 -- the receiver's memory is 64 MiB in all: a length above this is some other program's text
local PT_TCP = 2
local BAD, GOOD, UNVERIFIED = 0, 1, 2

udpmsg.prefs.verify = Pref.bool("Verify the checksum", true, "Compute the CRC-32 of every datagram and frame that has one")

local f = {
    frame_length = ProtoField.uint32("udpmsg.frame_length", "Length of the frame", base.DEC, nil, nil, "TCP: bytes that follow"),
    magic = ProtoField.string("udpmsg.magic", "Magic"),
    version = ProtoField.uint8("udpmsg.version", "Version"),
    kind = ProtoField.uint8("udpmsg.kind", "Kind", base.DEC, KINDS),
    flags = ProtoField.uint16("udpmsg.flags", "Flags", base.HEX),
    ack_requested = ProtoField.bool("udpmsg.flags.ack_requested", "ACK_REQUESTED", 16, nil, ACK_REQUESTED),
    fragment = ProtoField.bool("udpmsg.flags.fragment", "FRAGMENT", 16, nil, FRAGMENT),
    reply = ProtoField.bool("udpmsg.flags.reply", "REPLY", 16, nil, REPLY),
    ordered = ProtoField.bool("udpmsg.flags.ordered", "ORDERED", 16, nil, ORDERED),
    has_checksum = ProtoField.bool("udpmsg.flags.checksum", "CHECKSUM", 16, nil, CHECKSUM),
    sealed = ProtoField.bool("udpmsg.flags.sealed", "SEALED (reserved)", 16, nil, SEALED),
    has_title = ProtoField.bool("udpmsg.flags.title", "TITLE", 16, nil, TITLE),
    payload_length = ProtoField.uint16("udpmsg.payload_length", "Payload length", base.DEC, nil, nil, "0 in a frame of TCP's"),
    session = ProtoField.uint64("udpmsg.session", "Session", base.HEX),
    number = ProtoField.uint64("udpmsg.number", "Datagram number", base.DEC, nil, nil, "New for every transmission"),
    sequence = ProtoField.uint64("udpmsg.sequence", "Sequence number", base.DEC, nil, nil, "The message's; 0: no message"),
    sent_at = ProtoField.uint64("udpmsg.sent_at", "Sent at (microseconds since the session's start)"),
    lowest = ProtoField.uint64("udpmsg.lowest", "Lowest unresolved sequence number"),
    transmission = ProtoField.uint16("udpmsg.transmission", "Transmission", base.DEC, nil, nil, "1: the first"),
    fragment_index = ProtoField.uint16("udpmsg.fragment.index", "Fragment index", base.DEC, nil, nil, "From 0"),
    fragment_count = ProtoField.uint16("udpmsg.fragment.count", "Fragments of the message"),
    fragment_size = ProtoField.uint16("udpmsg.fragment.size", "Fragment size"),
    fragment_total = ProtoField.uint32("udpmsg.fragment.total", "Size of the message"),
    fragment_offset = ProtoField.uint32("udpmsg.fragment.offset", "Offset in the message"),
    reply_to = ProtoField.uint64("udpmsg.reply_to", "Reply to sequence number"),
    title_length = ProtoField.uint8("udpmsg.title.length", "Length of the title"),
    title = ProtoField.string("udpmsg.title", "Title", base.UNICODE, "What the message is called"),
    zero = ProtoField.uint16("udpmsg.zero", "Zero"),
    payload = ProtoField.bytes("udpmsg.payload", "Payload"),
    checksum = ProtoField.uint32("udpmsg.checksum", "Checksum (CRC-32)", base.HEX),
    checksum_status = ProtoField.uint8(
        "udpmsg.checksum.status", "Checksum status", base.DEC, { [BAD] = "Bad", [GOOD] = "Good", [UNVERIFIED] = "Unverified" }
    ),
    ack_session = ProtoField.uint64("udpmsg.ack.session", "Session acknowledged", base.HEX),
    ack_largest = ProtoField.uint64("udpmsg.ack.largest", "Largest datagram number"),
    ack_delay = ProtoField.uint32("udpmsg.ack.delay", "Delay (microseconds)"),
    ack_credit = ProtoField.uint32("udpmsg.ack.credit", "Credit (messages)"),
    ack_credit_bytes = ProtoField.uint32("udpmsg.ack.credit_bytes", "Credit (bytes)"),
    ack_all_below = ProtoField.uint64("udpmsg.ack.all_below", "All-below sequence number"),
    ack_datagram_ranges = ProtoField.uint8("udpmsg.ack.datagram_ranges", "Datagram ranges"),
    ack_sequence_ranges = ProtoField.uint8("udpmsg.ack.sequence_ranges", "Sequence ranges"),
    arrived_first = ProtoField.uint64("udpmsg.ack.arrived.first", "First datagram"),
    arrived_last = ProtoField.uint64("udpmsg.ack.arrived.last", "Last datagram"),
    delivered_first = ProtoField.uint64("udpmsg.ack.delivered.first", "First sequence number"),
    delivered_last = ProtoField.uint64("udpmsg.ack.delivered.last", "Last sequence number"),
    goodbye_messages = ProtoField.uint64("udpmsg.goodbye.messages", "Messages sent"),
    probe_reply_session = ProtoField.uint64("udpmsg.probe_reply.session", "Session that asked, and is not known", base.HEX),
    probe_reply_question = ProtoField.uint64("udpmsg.probe_reply.question", "Datagram number of the probe or query", base.DEC),
    cookie = ProtoField.bytes("udpmsg.cookie", "Cookie", base.NONE, "What an address returns, to prove that it is there"),
    cookie_padding = ProtoField.bytes("udpmsg.cookie.padding", "Zeros: longer than the CHALLENGE"),
    query_from = ProtoField.uint64("udpmsg.query.from", "From sequence number"),
    query_padding = ProtoField.bytes("udpmsg.query.padding", "Zeros: as long as the longest answer"),
    missing_first = ProtoField.uint64("udpmsg.report.missing.first", "First sequence number"),
    missing_last = ProtoField.uint64("udpmsg.report.missing.last", "Last sequence number"),
    report_kernel_drops = ProtoField.uint64("udpmsg.report.kernel_drops", "Kernel drops (all ones: unknown)"),
    report_jitter = ProtoField.uint32("udpmsg.report.jitter", "Jitter (microseconds; all ones: unknown)"),
    report_ranges = ProtoField.uint32("udpmsg.report.ranges", "Ranges of missing messages"),
}

-- The numbers of a REPORT, each a u64, in their order; then jitter and ranges, each a u32.
local REPORT_NUMBERS = {
    ProtoField.uint64("udpmsg.report.session", "Session asked about", base.HEX),
    ProtoField.uint64("udpmsg.report.question", "Datagram number of the QUERY"),
    ProtoField.uint64("udpmsg.report.delivered", "Messages delivered"),
    ProtoField.uint64("udpmsg.report.arrived", "Messages arrived"),
    ProtoField.uint64("udpmsg.report.duplicates", "Duplicates"),
    ProtoField.uint64("udpmsg.report.reordered", "Reordered"),
    ProtoField.uint64("udpmsg.report.over_limit", "Dropped over a limit"),
    ProtoField.uint64("udpmsg.report.payload_bytes", "Payload bytes delivered"),
    ProtoField.uint64("udpmsg.report.highest", "Highest sequence number"),
    ProtoField.uint64("udpmsg.report.forgotten", "Gaps forgotten up to"),
    ProtoField.uint64("udpmsg.report.duration", "First to last arrival (microseconds)"),
    f.report_kernel_drops,
    ProtoField.uint64("udpmsg.report.from", "From sequence number"),
    ProtoField.uint64("udpmsg.report.goes_on_at", "Goes on at (0: complete)"),
}
local REPORT_BODY = #REPORT_NUMBERS * 8 + 8

local fields = {}
for _, field in pairs(f) do
    table.insert(fields, field)
end
for _, field in ipairs(REPORT_NUMBERS) do
    if field ~= f.report_kernel_drops then
        table.insert(fields, field)
    end
end
udpmsg.fields = fields

local malformed = ProtoExpert.new("udpmsg.malformed", "Not wire format 1", expert.group.MALFORMED, expert.severity.ERROR)
local bad_checksum = ProtoExpert.new("udpmsg.checksum.bad", "Wrong checksum", expert.group.CHECKSUM, expert.severity.ERROR)
udpmsg.experts = { malformed, bad_checksum }

-- CRC-32 (IEEE 802.3) ----------------------------------------------------------------------------------------------------

local band, bxor, rshift = bit.band, bit.bxor, bit.rshift -- the library that every Wireshark has, with any version of Lua
local crc_table = {}
for byte = 0, 255 do
    local value = byte
    for _ = 1, 8 do
        value = bxor(rshift(value, 1), band(value, 1) == 1 and 0xEDB88320 or 0)
    end
    crc_table[byte] = value
end

local function crc32(text)
    local value = 0xFFFFFFFF
    for at = 1, #text do
        value = bxor(crc_table[band(bxor(value, text:byte(at)), 0xFF)], rshift(value, 8))
    end
    return bxor(value, 0xFFFFFFFF) % 2 ^ 32 -- the library's numbers are signed
end

-- The payloads -----------------------------------------------------------------------------------------------------------

local function add_ranges(tree, data, at, count, title, first, last)
    for _ = 1, count do
        local words = string.format("%s %s to %s", title, tostring(data(at, 8):uint64()), tostring(data(at + 8, 8):uint64()))
        local branch = tree:add(udpmsg, data(at, RANGE), words)
        branch:add(first, data(at, 8))
        branch:add(last, data(at + 8, 8))
        at = at + RANGE
    end
    return at
end

local function add_ack(tree, data)
    if data:len() < 40 then
        return nil
    end
    tree:add(f.ack_session, data(0, 8))
    tree:add(f.ack_largest, data(8, 8))
    tree:add(f.ack_delay, data(16, 4))
    tree:add(f.ack_credit, data(20, 4))
    tree:add(f.ack_credit_bytes, data(24, 4))
    tree:add(f.ack_all_below, data(28, 8))
    tree:add(f.ack_datagram_ranges, data(36, 1))
    tree:add(f.ack_sequence_ranges, data(37, 1))
    tree:add(f.zero, data(38, 2))
    local arrived, delivered = data(36, 1):uint(), data(37, 1):uint()
    if data:len() ~= 40 + (arrived + delivered) * RANGE then
        return nil
    end
    local at = add_ranges(tree, data, 40, arrived, "Datagrams arrived", f.arrived_first, f.arrived_last)
    add_ranges(tree, data, at, delivered, "Messages delivered", f.delivered_first, f.delivered_last)
    return string.format("ACK of datagrams to %s, all below %s", tostring(data(8, 8):uint64()), tostring(data(28, 8):uint64()))
end

local function add_goodbye(tree, data)
    if data:len() ~= 8 then
        return nil
    end
    tree:add(f.goodbye_messages, data)
    return string.format("goodbye (messages sent: %s)", tostring(data:uint64()))
end

local function add_probe_reply(tree, data)
    if data:len() ~= 16 then
        return nil
    end
    tree:add(f.probe_reply_session, data(0, 8))
    tree:add(f.probe_reply_question, data(8, 8))
    return "probe reply: the session is not known"
end

local function add_challenge(tree, data)
    if data:len() ~= COOKIE_SIZE then
        return nil
    end
    tree:add(f.cookie, data)
    return "challenge: return this cookie"
end

local function add_cookie(tree, data)
    if data:len() ~= PADDED_COOKIE_SIZE then
        return nil
    end
    tree:add(f.cookie, data(0, COOKIE_SIZE))
    tree:add(f.cookie_padding, data(COOKIE_SIZE))
    return "cookie: returned"
end

local function add_query(tree, data)
    if data:len() < 8 then
        return nil
    end
    tree:add(f.query_from, data(0, 8))
    if data:len() > 8 then
        tree:add(f.query_padding, data(8))
    end
    return string.format("query: what is missing from %s on", tostring(data(0, 8):uint64()))
end

local function add_report(tree, data)
    if data:len() < REPORT_BODY then
        return nil
    end
    for index, field in ipairs(REPORT_NUMBERS) do
        tree:add(field, data((index - 1) * 8, 8))
    end
    tree:add(f.report_jitter, data(REPORT_BODY - 8, 4))
    tree:add(f.report_ranges, data(REPORT_BODY - 4, 4))
    local ranges = data(REPORT_BODY - 4, 4):uint()
    if data:len() ~= REPORT_BODY + ranges * RANGE then
        return nil
    end
    add_ranges(tree, data, REPORT_BODY, ranges, "Messages missing", f.missing_first, f.missing_last)
    return string.format("report: %s messages delivered", tostring(data(16, 8):uint64()))
end

local PAYLOADS = {
    [ACK] = add_ack,
    [GOODBYE] = add_goodbye,
    [PROBE_REPLY] = add_probe_reply,
    [CHALLENGE] = add_challenge,
    [COOKIE] = add_cookie,
    [QUERY] = add_query,
    [REPORT] = add_report,
}

-- One datagram, or one frame behind its length -----------------------------------------------------------------------------

local function add_header(tree, data)
    tree:add(f.magic, data(0, 2))
    tree:add(f.version, data(2, 1))
    tree:add(f.kind, data(3, 1))
    local flags = tree:add(f.flags, data(4, 2))
    for _, flag in ipairs({ f.ack_requested, f.fragment, f.reply, f.ordered, f.has_checksum, f.sealed, f.has_title }) do
        flags:add(flag, data(4, 2))
    end
    tree:add(f.payload_length, data(6, 2))
    tree:add(f.session, data(8, 8))
    tree:add(f.number, data(16, 8))
    tree:add(f.sequence, data(24, 8))
    tree:add(f.sent_at, data(32, 8))
end

-- The blocks between header and payload. Returns where the payload begins, and words about the message; nil: too short.
local function add_blocks(tree, data, flags, stop)
    local at, words = HEADER, ""
    local size = band(flags, ACK_REQUESTED) * 12 + band(flags, FRAGMENT) * 6 + band(flags, REPLY) * 2
    if at + size > stop then
        return nil
    end
    local transmission = 1
    if band(flags, ACK_REQUESTED) ~= 0 then
        tree:add(f.lowest, data(at, 8))
        tree:add(f.transmission, data(at + 8, 2))
        tree:add(f.zero, data(at + 10, 2))
        transmission = data(at + 8, 2):uint()
        at = at + 12
    end
    if band(flags, FRAGMENT) ~= 0 then
        tree:add(f.fragment_index, data(at, 2))
        tree:add(f.fragment_count, data(at + 2, 2))
        tree:add(f.fragment_size, data(at + 4, 2))
        tree:add(f.zero, data(at + 6, 2))
        tree:add(f.fragment_total, data(at + 8, 4))
        local index, count = data(at, 2):uint(), data(at + 2, 2):uint()
        tree:add(f.fragment_offset, data(at, 6), index * data(at + 4, 2):uint()):set_generated()
        words = string.format(", part %d of %d", index + 1, count)
        at = at + 12
    end
    if band(flags, REPLY) ~= 0 then
        tree:add(f.reply_to, data(at, 8))
        words = string.format("%s, a reply to %s", words, tostring(data(at, 8):uint64()))
        at = at + 8
    end
    if band(flags, TITLE) ~= 0 then
        if at + 1 > stop or at + 1 + data(at, 1):uint() > stop then
            return nil
        end
        local length = data(at, 1):uint()
        tree:add(f.title_length, data(at, 1))
        if length > 0 then
            tree:add(f.title, data(at + 1, length), data(at + 1, length):string(ENC_UTF_8))
        end
        at = at + 1 + length
    end
    if transmission > 1 then
        words = string.format("%s (transmission %d)", words, transmission)
    end
    return at, words
end

local function add_checksum(tree, data, at, whole)
    local field = tree:add(f.checksum, data(at, 4))
    local status = UNVERIFIED
    if whole and udpmsg.prefs.verify then
        status = crc32(data(0, at):raw()) == data(at, 4):uint() and GOOD or BAD
        if status == BAD then
            field:add_proto_expert_info(bad_checksum)
        end
    end
    tree:add(f.checksum_status, data(at, 4), status):set_generated()
end

-- Returns the words for the Info column. `whole`: nothing was cut off, so lengths must fit.
local function add_datagram(tree, data, framed, whole)
    local function refuse(reason)
        if whole then
            tree:add_proto_expert_info(malformed, reason)
        end
    end
    if data:len() < HEADER then
        refuse("less than a header")
        return "less than a header"
    end
    add_header(tree, data)
    local kind, flags = data(3, 1):uint(), data(4, 2):uint()
    local stop = data:len()
    if band(flags, CHECKSUM) ~= 0 and whole then
        stop = stop - 4
    end
    local name = string.lower(KINDS[kind] or "unknown kind")
    local at, words = add_blocks(tree, data, flags, stop)
    if at == nil then
        refuse("shorter than its flags say")
        return name
    end
    if whole and data(6, 2):uint() ~= (framed and 0 or stop - at) then
        refuse("the payload length does not fit")
    end
    local said = nil
    if kind == MESSAGE then
        name = string.format("message %s%s", tostring(data(24, 8):uint64()), words)
    end
    if stop > at then
        local payload = data(at, stop - at)
        local branch = tree:add(f.payload, payload)
        if PAYLOADS[kind] and whole then
            said = PAYLOADS[kind](branch, payload)
            if said == nil then
                refuse("its payload does not fit its kind")
            end
        end
    elseif PAYLOADS[kind] then
        refuse("its payload is missing")
    end
    if stop < data:len() then
        add_checksum(tree, data, stop, whole)
    end
    return said or name
end

-- Where they are found ------------------------------------------------------------------------------------------------------

local function show(pinfo, words)
    pinfo.cols.protocol = "udpmsg"
    if pinfo.private.udpmsg then
        pinfo.cols.info:append("; " .. words)
    else
        pinfo.cols.info:set(words)
    end
    pinfo.private.udpmsg = "shown"
end

-- Whether bytes from `at` on begin as ours do; with fewer bytes, as far as they go.
local function is_ours(data, at)
    local start = data(at, math.min(4, data:len() - at)):raw()
    local kind = start:byte(4)
    return start:sub(1, 3) == ("UM\1"):sub(1, #start) and (kind == nil or KINDS[kind] ~= nil)
end

local function dissect_udp(buffer, pinfo, tree)
    local data = buffer()
    if data:len() < 4 or not is_ours(data, 0) then
        return 0
    end
    local branch = tree:add(udpmsg, data)
    local whole = not pinfo.in_error_pkt and buffer:reported_len() == buffer:len()
    local words = add_datagram(branch, data, false, whole)
    branch:append_text(", " .. words)
    show(pinfo, words)
    return data:len()
end

local function frame_length(buffer, _, at)
    return LENGTH + buffer(at, LENGTH):uint()
end

local function dissect_frame(buffer, pinfo, tree)
    local data = buffer()
    local branch = tree:add(udpmsg, data)
    branch:add(f.frame_length, data(0, LENGTH))
    local words = "an empty frame"
    if data:len() > LENGTH then
        words = add_datagram(branch, data(LENGTH), true, true)
    end
    branch:append_text(", " .. words)
    show(pinfo, words)
    return data:len()
end

local function dissect_tcp(buffer, pinfo, tree)
    local data = buffer()
    if data:len() == 0 or pinfo.in_error_pkt then
        return 0
    end
    if data:len() >= LENGTH and data(0, LENGTH):uint() > LARGEST_FRAME then
        return 0
    end
    if data:len() > LENGTH and not is_ours(data, LENGTH) then
        return 0
    end
    dissect_tcp_pdus(buffer, tree, LENGTH, frame_length, dissect_frame)
    return data:len()
end

function udpmsg.dissector(buffer, pinfo, tree)
    return (pinfo.port_type == PT_TCP and dissect_tcp or dissect_udp)(buffer, pinfo, tree)
end

udpmsg:register_heuristic("udp", function(buffer, pinfo, tree)
    return buffer:len() >= HEADER and dissect_udp(buffer, pinfo, tree) > 0
end)

udpmsg:register_heuristic("tcp", function(buffer, pinfo, tree)
    if buffer:len() < LENGTH + 4 or dissect_tcp(buffer, pinfo, tree) == 0 then
        return false
    end
    pinfo.conversation = udpmsg -- the next segment may begin in the middle of a frame
    return true
end)

DissectorTable.get("udp.port"):add(PORT, udpmsg)
DissectorTable.get("tcp.port"):add(PORT, udpmsg)
