import com.google.gson.JsonObject;
import com.microsoft.azure.sdk.iot.device.DeviceClient;
import com.microsoft.azure.sdk.iot.device.IotHubClientProtocol;
import com.microsoft.azure.sdk.iot.device.IotHubMessageResult;
import com.microsoft.azure.sdk.iot.device.Message;
import com.microsoft.azure.sdk.iot.device.transport.NoRetry;
import com.microsoft.azure.sdk.iot.device.twin.DirectMethodResponse;
import com.microsoft.azure.sdk.iot.device.twin.Twin;
import com.microsoft.azure.sdk.iot.provisioning.device.ProvisioningDeviceClient;
import com.microsoft.azure.sdk.iot.provisioning.device.ProvisioningDeviceClientStatus;
import com.microsoft.azure.sdk.iot.provisioning.device.ProvisioningDeviceClientTransportProtocol;
import com.microsoft.azure.sdk.iot.provisioning.security.SecurityProvider;
import com.microsoft.azure.sdk.iot.provisioning.security.hsm.SecurityProviderX509Cert;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodRequestOptions;
import com.microsoft.azure.sdk.iot.service.methods.DirectMethodsClient;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The device and provisioning SDKs over HTTPS, MQTT and WebSockets; the service SDK is at the other end. */
public final class JavaDevices {
    private static final String HUB = "iot-service-client";
    private static final String DPS = "provisioning-device-client";
    private static final int SECONDS = 20;
    private static JsonObject ground;

    private JavaDevices() {
    }

    /** A way to DPS and hub, and what the table calls it. */
    private record Transport(
            String operation, ProvisioningDeviceClientTransportProtocol dps, IotHubClientProtocol hub, String client) {
    }

    public static void main(String[] arguments) throws Exception {
        ground = Saying.ground(arguments);
        List<Transport> ways = List.of(
                new Transport("register over HTTPS", ProvisioningDeviceClientTransportProtocol.HTTPS,
                        IotHubClientProtocol.HTTPS, "iot-device-client over HTTPS"),
                new Transport("register over MQTT", ProvisioningDeviceClientTransportProtocol.MQTT,
                        IotHubClientProtocol.MQTT, "iot-device-client"),
                new Transport("register over WebSockets", ProvisioningDeviceClientTransportProtocol.MQTT_WS,
                        IotHubClientProtocol.MQTT_WS, "iot-device-client over WebSockets"));
        Iterator<String> names = ground.getAsJsonObject("devices").keySet().iterator();
        for (Transport way : ways) {
            String name = names.next();
            SecurityProvider security = identity(name);
            Saying.attempt(way.operation(), () -> register(way, security), DPS);
            DeviceClient device = new DeviceClient(hub(), name, security, way.hub());
            Saying.attempt("connect", () -> device.open(false), way.client());
            use(device, name, way);
            device.close();
        }
        SecurityProvider security = identity(ground.getAsJsonObject("devices").keySet().iterator().next());
        for (IotHubClientProtocol protocol : List.of(IotHubClientProtocol.AMQPS, IotHubClientProtocol.AMQPS_WS)) {
            Saying.attempt("AMQP refused", () -> {
                DeviceClient device = new DeviceClient(hub(), security.getRegistrationId(), security, protocol);
                device.setRetryPolicy(new NoRetry());
                Saying.refusedAtOnce(() -> device.open(false));
            }, "iot-device-client");
        }
        System.exit(0);
    }

    private static String hub() {
        return ground.getAsJsonObject("hub").get("host").getAsString();
    }

    private static void register(Transport way, SecurityProvider security) throws Exception {
        JsonObject dps = ground.getAsJsonObject("dps");
        ProvisioningDeviceClient client = ProvisioningDeviceClient.create(
                dps.get("global").getAsString(), dps.get("scope").getAsString(), way.dps(), security);
        var result = client.registerDeviceSync(SECONDS * 1000);
        Saying.check(result.getProvisioningDeviceClientStatus()
                == ProvisioningDeviceClientStatus.PROVISIONING_DEVICE_STATUS_ASSIGNED, result.getStatus());
        Saying.check(result.getIothubUri().equals(hub()), result.getIothubUri());
    }

    private static void use(DeviceClient device, String name, Transport way) {
        String client = way.client();
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        Saying.attempt("telemetry", () -> {
            Message message = new Message("{\"temperature\": 21}");
            message.setContentType("application/json");
            message.setProperty("colour", "red");
            device.sendEvent(message);
        }, client);
        Saying.attempt("cloud-to-device", () -> {
            device.setMessageCallback((message, context) -> {
                heard.add(new String(message.getBytes(), StandardCharsets.UTF_8));
                return IotHubMessageResult.COMPLETE;
            }, null);
            Saying.wish(name);
            String message = heard.poll(SECONDS, TimeUnit.SECONDS);
            Saying.check("hello".equals(message), message);
        }, client);
        if (way.hub() == IotHubClientProtocol.HTTPS) {
            return;
        }
        String connection = ground.getAsJsonObject("hub").get("connection").getAsString();
        Saying.attempt("twin desired", () -> {
            device.subscribeToDesiredProperties((twin, context) -> heard.add(twin.getDesiredProperties().toString()), null);
            var changed = new com.microsoft.azure.sdk.iot.service.twin.Twin(name);
            changed.getDesiredProperties().put("interval", 60);
            new TwinClient(connection).patch(changed);
            String desired = heard.poll(SECONDS, TimeUnit.SECONDS);
            Saying.check(desired != null && desired.contains("interval"), desired);
        }, client, HUB);
        Saying.attempt("twin read", () -> {
            Twin twin = device.getTwin();
            Saying.check(twin.getDesiredProperties().getVersion() == 2, twin);
        }, client);
        Saying.attempt("twin reported", () -> {
            Twin twin = device.getTwin();
            twin.getReportedProperties().put("battery", 55);
            device.updateReportedProperties(twin.getReportedProperties());
            Object battery = new TwinClient(connection).get(name).getReportedProperties().get("battery");
            Saying.check(battery instanceof Number number && number.intValue() == 55, battery);
        }, client);
        Saying.attempt("direct method", () -> {
            device.subscribeToMethods((method, payload, context) -> new DirectMethodResponse(207, payload.getPayloadAsJsonElement()), null);
            DirectMethodRequestOptions options = DirectMethodRequestOptions.builder().payload("hello").methodResponseTimeoutSeconds(15)
                    .methodConnectTimeoutSeconds(5).build();
            var answer = new DirectMethodsClient(connection).invoke(name, "reboot", options);
            Saying.check(answer.getStatus() == 207 && answer.getPayload(String.class).equals("hello"), answer.getPayloadAsJsonString());
        }, client, HUB);
    }

    /** Key, leaf and the certificates above it, of one PEM. */
    private static SecurityProvider identity(String name) throws Exception {
        String file = ground.getAsJsonObject("devices").getAsJsonObject(name).get("bundle").getAsString();
        String pem = Files.readString(Path.of(file));
        PrivateKey key = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(blocks(pem, "PRIVATE KEY").get(0)));
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        List<X509Certificate> chain = new ArrayList<>();
        for (byte[] each : blocks(pem, "CERTIFICATE")) {
            chain.add((X509Certificate) factory.generateCertificate(new ByteArrayInputStream(each)));
        }
        return new SecurityProviderX509Cert(chain.get(0), key, chain.subList(1, chain.size()));
    }

    private static List<byte[]> blocks(String pem, String label) {
        List<byte[]> found = new ArrayList<>();
        Matcher block = Pattern.compile("-----BEGIN " + label + "-----([^-]*)-----END").matcher(pem);
        while (block.find()) {
            found.add(Base64.getMimeDecoder().decode(block.group(1)));
        }
        return found;
    }
}
